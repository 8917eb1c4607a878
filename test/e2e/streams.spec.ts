import { beforeAll, describe, expect, it } from '@jest/globals';
import { BadRequestException, Controller, Get, Injectable, Sse } from '@nestjs/common';
import { AdvisoryLockService, WithAdvisoryLock } from 'nestjs-advisory-lock';
import {
  defer as deferred,
  EMPTY,
  firstValueFrom,
  lastValueFrom,
  NEVER,
  Observable,
  of,
  Subject,
  take,
  throwError,
  toArray,
} from 'rxjs';
import { until } from '../support/until.js';
import { useTestDatabase } from '../support/test-database.js';
import { isHeld, lockInOtherSession } from './support/advisory-locks.js';
import { lockedApp, type Platform, serve, start } from './support/applications.js';
import { Gate } from './support/gate.js';

const database = useTestDatabase({ connectionsMayStay: true });

const isLocked = () => isHeld(database, 'stream');
const isFree = async () => !(await isLocked());

/** What the streams of the test emit, and their subscribers. */
let source: Subject<string>;
let handlerGate: Gate | undefined;

function stream(): Observable<string> {
  return source.asObservable();
}

@Controller()
class Streams {
  @Get('declared')
  @WithAdvisoryLock('stream')
  declared(): Observable<string> {
    return stream();
  }

  @Get('promised')
  @WithAdvisoryLock('stream')
  async promised(): Promise<Observable<string>> {
    await handlerGate?.pass();
    return stream();
  }

  @Get('inferred')
  @WithAdvisoryLock('stream')
  inferred() {
    return stream();
  }

  @Sse('sse-declared')
  @WithAdvisoryLock('stream')
  sseDeclared(): Observable<string> {
    return stream();
  }

  @WithAdvisoryLock('stream')
  @Sse('sse-promised')
  async ssePromised(): Promise<Observable<string>> {
    await handlerGate?.pass();
    return stream();
  }
}

describe.each<Platform>(['express', 'fastify'])('a handler of %s that returns an Observable', (platform) => {
  let url: string;

  beforeAll(async () => {
    ({ url } = await serve(platform, lockedApp(database, { controllers: [Streams] })));
  });

  describe.each(['declared', 'promised', 'inferred'])('%s', (path) => {
    it('keeps the lock until it completes', async () => {
      source = new Subject();
      const response = fetch(`${url}/${path}`);
      await until(() => source.observed, 'the subscription');
      source.next('first');
      expect(await isLocked()).toBe(true);
      source.next('last');
      source.complete();
      expect(await (await response).text()).toBe('last');
      expect(await isFree()).toBe(true);
    });

    it('keeps the lock until it errors', async () => {
      source = new Subject();
      const response = fetch(`${url}/${path}`);
      await until(() => source.observed, 'the subscription');
      expect(await isLocked()).toBe(true);
      source.error(new BadRequestException('no more'));
      expect((await response).status).toBe(400);
      expect(await isFree()).toBe(true);
    });

    it('is refused while another request reads it', async () => {
      source = new Subject();
      const first = fetch(`${url}/${path}`);
      await until(() => source.observed, 'the subscription');
      expect((await fetch(`${url}/${path}`)).status).toBe(409);
      source.next('done');
      source.complete();
      expect((await first).status).toBe(200);
    });

    it('gives the lock back when its client leaves', async () => {
      source = new Subject();
      const client = new AbortController();
      const response = fetch(`${url}/${path}`, { signal: client.signal }).catch((error: unknown) => error);
      await until(() => source.observed, 'the subscription');
      client.abort();
      await response;
      await until(isFree, 'the release');
      expect(source.observed).toBe(false);
    });
  });

  describe.each(['sse-declared', 'sse-promised'])('as %s', (path) => {
    it('keeps the lock from the first event to the last', async () => {
      source = new Subject();
      const response = fetch(`${url}/${path}`);
      await until(() => source.observed, 'the subscription');
      source.next('one');
      expect(await isLocked()).toBe(true);
      source.next('two');
      source.complete();
      expect(await (await response).text()).toMatch(/data: one[^]*data: two/);
      expect(await isFree()).toBe(true);
    });

    it('gives the lock back when its client leaves', async () => {
      source = new Subject();
      const client = new AbortController();
      const response = fetch(`${url}/${path}`, { signal: client.signal });
      await until(() => source.observed, 'the subscription');
      source.next('one');
      await (await response).body?.getReader().read();
      expect(await isLocked()).toBe(true);
      client.abort();
      await until(isFree, 'the release');
    });

    it('does not contain the name of a busy lock', async () => {
      source = new Subject();
      await lockInOtherSession(database, 'stream');
      const response = await fetch(`${url}/${path}`);
      expect(response.status).toBe(409);
      expect(await response.text()).not.toContain('stream');
    });
  });

  // Nest does not subscribe to a stream that is returned too late.
  it.each(['promised', 'sse-promised'])(
    'gives the lock back when its client has left before there is a stream: %s',
    async (path) => {
      source = new Subject();
      const gate = (handlerGate = new Gate());
      const client = new AbortController();
      const response = fetch(`${url}/${path}`, { signal: client.signal }).catch((error: unknown) => error);
      await gate.reached;
      handlerGate = undefined;
      client.abort();
      await response;
      // A request that is served is proof that the server has dealt with the earlier ones.
      await fetch(`${url}/nothing`);
      gate.open();
      await until(isFree, 'the release', 3_000);
    },
  );
});

@Injectable()
class Feed {
  constructor(private readonly locks: AdvisoryLockService) {}

  calls = 0;

  @WithAdvisoryLock('stream')
  cold(): Observable<string> {
    this.calls += 1;
    return stream();
  }

  @WithAdvisoryLock('stream', { onBusy: 'skip' })
  skipping(): Observable<string | undefined> {
    return stream();
  }

  @WithAdvisoryLock('stream', { onBusy: () => of('cached', 'values') })
  supplying(): Observable<string> {
    return stream();
  }

  @WithAdvisoryLock('stream')
  counting(): Observable<number> {
    return new Observable((subscriber) => {
      for (let i = 1; i <= 1_000 && !subscriber.closed; i += 1) {
        this.calls = i;
        subscriber.next(i);
      }
    });
  }

  @WithAdvisoryLock('stream')
  throwing(): Observable<string> {
    throw new Error('no stream');
  }

  @WithAdvisoryLock('stream')
  failing(error: Error): Observable<string> {
    return throwError(() => error);
  }

  @WithAdvisoryLock('stream')
  empty(): Observable<string> {
    return EMPTY;
  }

  @WithAdvisoryLock('stream')
  never(): Observable<string> {
    return NEVER;
  }

  @WithAdvisoryLock('stream')
  asserting(): Observable<string | undefined> {
    return deferred(() => {
      this.locks.assertHeld('stream');
      return of(this.locks.current()?.name);
    });
  }

  @WithAdvisoryLock('stream', { reentry: 'join' })
  joining(): Observable<string> {
    return stream();
  }

  @WithAdvisoryLock('stream')
  async outer(): Promise<string> {
    return firstValueFrom(this.joining());
  }

  @WithAdvisoryLock('stream')
  async refusedInside(): Promise<string> {
    return firstValueFrom(this.cold());
  }

  @WithAdvisoryLock('stream', { mode: 'shared' })
  shared(): Observable<string> {
    return this.counted();
  }

  @WithAdvisoryLock('stream', { permits: 2 })
  permitted(): Observable<string> {
    return this.counted();
  }

  private counted(): Observable<string> {
    return deferred(() => {
      this.calls += 1;
      return stream();
    });
  }
}

describe('a method of a provider that returns an Observable', () => {
  let feed: Feed;
  let locks: AdvisoryLockService;

  beforeAll(async () => {
    const { app } = await start(lockedApp(database, { providers: [Feed] }));
    feed = app.get(Feed);
    locks = app.get(AdvisoryLockService);
  });

  it('is still an Observable, and takes no lock before it is subscribed to', async () => {
    feed.calls = 0;
    const values = feed.cold();
    expect(values).toBeInstanceOf(Observable);
    expect(await isFree()).toBe(true);
    expect(feed.calls).toBe(0);
  });

  it('can be subscribed to again, under a lock of its own each time', async () => {
    const values = feed.cold();
    for (const text of ['one', 'two']) {
      source = new Subject();
      const all = lastValueFrom(values.pipe(toArray()));
      await until(() => source.observed, 'the subscription');
      await expect(firstValueFrom(values)).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
      source.next(text);
      source.complete();
      expect(await all).toEqual([text]);
    }
  });

  it('is free again when the subscriber is notified of the end', async () => {
    source = new Subject();
    const ended = new Promise<boolean>((resolve) => {
      feed.cold().subscribe({
        complete: () => {
          void isFree().then(resolve);
        },
      });
    });
    await until(() => source.observed, 'the subscription');
    source.complete();
    expect(await ended).toBe(true);
  });

  it('gives the lock back when the subscriber leaves', async () => {
    const subscription = feed.never().subscribe();
    await until(isLocked, 'the lock');
    subscription.unsubscribe();
    await until(isFree, 'the release');
  });

  it('gives the lock back when the subscriber leaves while it is asked for', async () => {
    source = new Subject();
    feed.cold().subscribe().unsubscribe();
    // Requests are served in order, so the lock has been granted when this one is done.
    await locks.withLock('another', () => undefined);
    await until(isFree, 'the release');
    expect(source.observed).toBe(false);
  });

  it('lets a subscriber leave in the middle of a synchronous source', async () => {
    feed.calls = 0;
    expect(await lastValueFrom(feed.counting().pipe(take(3), toArray()))).toEqual([1, 2, 3]);
    await until(isFree, 'the release');
    expect(feed.calls).toBe(3);
  });

  it('passes on what it throws, untouched, and is free again', async () => {
    const error = new Error('mine');
    await expect(firstValueFrom(feed.failing(error))).rejects.toBe(error);
    await expect(firstValueFrom(feed.throwing())).rejects.toThrow('no stream');
    expect(await isFree()).toBe(true);
  });

  it('completes empty when it completes empty', async () => {
    expect(await lastValueFrom(feed.empty().pipe(toArray()))).toEqual([]);
  });

  it('runs inside its lock', async () => {
    expect(await firstValueFrom(feed.asserting())).toBe('stream');
  });

  it('is refused inside the same lock, unless it joins', async () => {
    await expect(feed.refusedInside()).rejects.toMatchObject({
      code: 'LOCK_REENTERED',
      heldBy: 'Feed.refusedInside',
      requestedBy: 'Feed.cold',
    });
    expect(await isFree()).toBe(true);
  });

  it.each(['shared', 'permitted'] as const)(
    'of a lock that others hold, too, keeps it: %s',
    async (method) => {
      feed.calls = 0;
      source = new Subject();
      const all = [1, 2].map(() => lastValueFrom(feed[method]()));
      await until(() => feed.calls === 2, 'the subscriptions');
      source.next('last');
      source.complete();
      expect(await Promise.all(all)).toEqual(['last', 'last']);
      await until(async () => (await database.advisoryLocks()).length === 0, 'the release');
    },
  );

  it('joins the same lock at once, which stays until the outer one ends', async () => {
    source = new Subject();
    const outer = feed.outer();
    await until(() => source.observed, 'the subscription');
    source.next('inner');
    expect(await outer).toBe('inner');
    await until(isFree, 'the release');
  });

  it('emits a single undefined when the lock is busy and onBusy is skip', async () => {
    await lockInOtherSession(database, 'stream');
    expect(await lastValueFrom(feed.skipping().pipe(toArray()))).toEqual([undefined]);
  });

  it('is the stream that onBusy supplies', async () => {
    await lockInOtherSession(database, 'stream');
    expect(await lastValueFrom(feed.supplying().pipe(toArray()))).toEqual(['cached', 'values']);
  });
});
