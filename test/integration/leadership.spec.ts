import { beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { getEventListeners, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AdvisoryLockService } from '../../lib/nest/advisory-lock.service.js';
import { LogLines } from '../e2e/support/log-lines.js';
import { Gate } from '../e2e/support/gate.js';
import { startProxy } from '../faults/support/tcp-proxy.js';
import { defer } from '../support/cleanup.js';
import { createLocks, type LocksOptions } from '../support/locks.js';
import { terminateHolders } from '../support/terminate-holders.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const database = useTestDatabase();
let log: LogLines;

beforeEach(() => {
  log = new LogLines();
  Logger.overrideLogger(log);
  defer(() => {
    Logger.overrideLogger(undefined as never);
  });
});

/** A service as of a process of its own. */
const ofProcess = (options?: LocksOptions): AdvisoryLockService => createLocks(database.url, options).service;

const untilQueued = () =>
  until(async () => (await database.advisoryLocks()).some(({ granted }) => !granted), 'a candidate waits');

/** A body that lasts as long as the leadership, and notes what became of it. */
class Body {
  readonly signals: AbortSignal[] = [];

  readonly run = async (signal: AbortSignal): Promise<void> => {
    this.signals.push(signal);
    if (!signal.aborted) await once(signal, 'abort');
  };

  get runs(): number {
    return this.signals.length;
  }

  begun(times = 1): Promise<void> {
    return until(() => this.runs >= times, `the body runs, time ${times}`);
  }
}

const nothing = (): void => undefined;

describe('a leadership', () => {
  it('is one at a time, and is handed over by stop() once the body has settled', async () => {
    const [first, second] = [ofProcess(), ofProcess()];
    const events: string[] = [];
    const gate = new Gate();
    const mine = first.lead('feed', async (signal) => {
      events.push('first begins');
      await once(signal, 'abort');
      events.push((signal.reason as Error).name);
      await gate.pass();
      events.push('first has settled');
    });
    await until(() => mine.isLeader, 'the first leads');
    const theirs = second.lead('feed', () => void events.push('second begins'));
    await untilQueued();
    expect([mine.name, mine.isLeader, theirs.isLeader]).toEqual(['feed', true, false]);
    expect([first.isLeader('feed'), second.isLeader('feed'), first.isLeader('other')]).toEqual([
      true,
      false,
      false,
    ]);

    const stopped = mine.stop();
    await gate.reached;
    expect([mine.isLeader, first.isLeader('feed'), theirs.isLeader]).toEqual([false, false, false]);
    gate.open();
    await Promise.all([stopped, mine.stop()]);
    await until(() => theirs.isLeader, 'the second leads');
    expect(events).toEqual(['first begins', 'AbortError', 'first has settled', 'second begins']);
    expect(mine.isLeader).toBe(false);
    await theirs.stop();
    expect(await database.advisoryLocks()).toEqual([]);
    expect(log.matching(/^(warn|error)/)).toEqual([]);
    expect(log.lines).toEqual([
      'log [AdvisoryLock] Leading "feed"',
      'log [AdvisoryLock] Stopped leading "feed"',
      'log [AdvisoryLock] Leading "feed"',
      'log [AdvisoryLock] Stopped leading "feed"',
    ]);
  });

  it('lasts after the body has returned', async () => {
    const service = ofProcess();
    const body = new Body();
    const leadership = service.lead('feed', (signal) => void body.signals.push(signal));
    await body.begun();
    // A whole round trip later it is still held.
    expect(await ofProcess().tryAcquire('feed')).toBeUndefined();
    expect([leadership.isLeader, body.signals[0]?.aborted, body.runs]).toEqual([true, false, 1]);
    await leadership.stop();
    expect(body.signals[0]?.aborted).toBe(true);
  });

  it('ends its campaign, too, when it is stopped while another leads', async () => {
    const held = await ofProcess().acquire('feed');
    const body = new Body();
    {
      await using leadership = ofProcess().lead('feed', body.run);
      await untilQueued();
      expect(leadership.isLeader).toBe(false);
    }
    expect((await database.advisoryLocks()).filter(({ granted }) => !granted)).toEqual([]);
    await held.release();
    expect(await database.advisoryLocks()).toEqual([]);
    expect(body.runs).toBe(0);
  });

  it('is the lock of that name: the body is inside it, and has its token', async () => {
    const service = ofProcess();
    const tokens: bigint[] = [];
    await using leadership = service.lead(42, async () => {
      service.assertHeld(42);
      tokens.push((await service.current(42)?.fencingToken()) ?? 0n);
    });
    await until(() => tokens.length > 0, 'the body has a token');
    expect([leadership.name, service.isLeader(42n), tokens[0]]).toEqual(['42', true, expect.any(BigInt)]);
  });

  it('is not won through a lock around the caller', async () => {
    const service = ofProcess();
    const body = new Body();
    const leadership = await service.withLock('feed', async () => {
      const candidate = service.lead('feed', body.run);
      // As long as a try of another process needs, this one has not been elected.
      await ofProcess().tryAcquire('another');
      expect([candidate.isLeader, body.runs]).toEqual([false, 0]);
      return candidate;
    });
    await body.begun();
    expect(leadership.isLeader).toBe(true);
    await leadership.stop();
  });

  it('of two candidates of one process is one, too', async () => {
    const service = ofProcess();
    const body = new Body();
    const candidates = [service.lead('feed', body.run), service.lead('feed', body.run)];
    await body.begun();
    expect(candidates.filter(({ isLeader }) => isLeader)).toHaveLength(1);
    await candidates.find(({ isLeader }) => isLeader)?.stop();
    await body.begun(2);
    expect(service.isLeader('feed')).toBe(true);
    await Promise.all(candidates.map((candidate) => candidate.stop()));
    expect(service.isLeader('feed')).toBe(false);
  });
});

describe('a leadership that is lost', () => {
  it('aborts the signal, waits for the body, and campaigns again', async () => {
    const service = ofProcess();
    const gate = new Gate();
    const body = new Body();
    const leadership = service.lead('feed', async (signal) => {
      await body.run(signal);
      await gate.pass();
      signal.throwIfAborted();
    });
    await body.begun();
    await terminateHolders(database);
    await gate.reached;
    expect(body.signals[0]?.reason).toMatchObject({ code: 'LOCK_LOST', lockName: 'feed' });
    expect([leadership.isLeader, service.isLeader('feed')]).toEqual([false, false]);
    // Another candidate can have it in the meantime.
    await (await ofProcess().acquire('feed')).release();
    expect(body.runs).toBe(1);

    gate.open();
    await body.begun(2);
    expect([leadership.isLeader, body.signals[1]?.aborted]).toEqual([true, false]);
    await leadership.stop();
    expect(log.matching(/^warn/)).toEqual([
      expect.stringMatching(/The lock connection ended \(.*\): lost "feed"/),
      expect.stringMatching(/Not leading "feed" any more\. The lock "feed" .* was lost/),
    ]);
    expect(log.matching(/^log .*The lock connection is open again/)).toHaveLength(1);
    expect(log.matching(/^error/)).toEqual([]);
  });

  it('is won by another candidate, and by the first one again after that', async () => {
    const body = new Body();
    const mine = ofProcess().lead('feed', body.run);
    await body.begun();
    const theirs = ofProcess().lead('feed', body.run);
    await untilQueued();
    await terminateHolders(database);
    await until(() => mine.isLeader || theirs.isLeader, 'one of them leads again');
    const [leader, other] = mine.isLeader ? [mine, theirs] : [theirs, mine];
    await leader.stop();
    await until(() => other.isLeader, 'the other leads');
    await other.stop();
  });

  it('logs an outage of the database once, and continues afterwards', async () => {
    const proxy = await startProxy(database.url);
    defer(() => proxy.close());
    const { service } = createLocks(proxy.url(database.url));
    const body = new Body();
    const leadership = service.lead('feed', body.run);
    await body.begun();

    await proxy.refuse();
    proxy.cut();
    const outages = () => log.matching(/^warn .*Cannot campaign to lead "feed"/);
    await until(() => outages().length > 0, 'the outage is logged');
    // Long enough for several attempts: the pauses begin with 0.1 s.
    await sleep(1_000);
    expect(outages()).toHaveLength(1);
    // The other two are of the connection, and of the leadership that was lost with it.
    expect(log.matching(/^warn/)).toHaveLength(3);
    expect(leadership.isLeader).toBe(false);

    await proxy.accept();
    await body.begun(2);
    expect(log.matching(/Campaigning to lead "feed" again/)).toHaveLength(1);
    await leadership.stop();
  });

  it('can be stopped while the database is away', async () => {
    const { service } = createLocks('postgres://127.0.0.1:1/nowhere');
    const leadership = service.lead('feed', nothing);
    await until(() => log.matching(/^warn/).length > 0, 'the outage is logged');
    await leadership.stop();
    expect(leadership.isLeader).toBe(false);
  });
});

describe('a body that fails', () => {
  it('gives the leadership up, logs an error, and leads again when no other candidate does', async () => {
    const [broken, sound] = [ofProcess(), ofProcess()];
    const signals: AbortSignal[] = [];
    const failure = new Error('the feed is broken');
    const mine = broken.lead('feed', (signal) => {
      signals.push(signal);
      throw failure;
    });
    await until(() => signals.length > 1, 'it has tried twice');
    const body = new Body();
    const theirs = sound.lead('feed', body.run);
    await body.begun();
    const attempts = signals.length;
    await untilQueued();
    expect(theirs.isLeader).toBe(true);
    expect(signals).toHaveLength(attempts);
    expect(signals.map(({ reason }): unknown => reason)).toEqual(Array(attempts).fill(failure));
    expect(log.matching(/^error .*The leader of "feed" failed in this instance/)).toHaveLength(attempts);

    await theirs.stop();
    await until(() => signals.length > attempts, 'the broken one tries again');
    await mine.stop();
  });

  it.each<[string, (signal: AbortSignal) => Promise<unknown>, number]>([
    ['the reason of its signal', (signal) => Promise.reject(signal.reason as Error), 0],
    ['what Node makes of that', (signal) => sleep(1, undefined, { signal }), 0],
    ['an error of its own', () => Promise.reject(new Error('cannot finish')), 1],
  ])('with %s after it was asked to end', async (_, fail, errors) => {
    const body = new Body();
    const leadership = ofProcess().lead('feed', async (signal) => {
      await body.run(signal);
      await fail(signal);
    });
    await body.begun();
    await leadership.stop();
    expect(log.matching(/^error/)).toHaveLength(errors);
  });
});

describe('a leadership ends', () => {
  it('with the signal of the caller, and its reason', async () => {
    const controller = new AbortController();
    const body = new Body();
    const leadership = ofProcess().lead('feed', body.run, { signal: controller.signal });
    await body.begun();
    controller.abort('enough');
    await leadership.stop();
    expect(body.signals[0]?.reason).toBe('enough');
    const late = ofProcess().lead('feed', body.run, { signal: controller.signal });
    await late.stop();
    expect(body.runs).toBe(1);
  });

  it('at once at shutdown, though other locks may be held for long', async () => {
    const locks = createLocks(database.url);
    const other = await locks.service.acquire('other');
    const body = new Body();
    locks.service.lead('feed', body.run);
    await body.begun();
    const theirs = ofProcess().lead('feed', body.run);
    await untilQueued();

    const closed = locks.close(60_000);
    await until(() => theirs.isLeader, 'the next one leads');
    expect(other.isHeld).toBe(true);
    expect(body.signals[0]?.reason).toMatchObject({ name: 'AbortError' });
    await other.release();
    await closed;
    expect(() => locks.service.lead('feed', nothing)).toThrow(
      expect.objectContaining({ code: 'LOCK_SHUTDOWN' }),
    );
    await theirs.stop();
    expect(log.matching(/^(warn|error)/)).toEqual([]);
  });

  it('at shutdown also for a candidate that waits', async () => {
    const held = await ofProcess().acquire('feed');
    const locks = createLocks(database.url);
    const body = new Body();
    const leadership = locks.service.lead('feed', body.run);
    await untilQueued();
    await locks.close(60_000);
    await leadership.stop();
    await held.release();
    expect(body.runs).toBe(0);
    expect(log.lines).toEqual([]);
  });
});

describe('a campaign', () => {
  it('does not hold up CREATE INDEX CONCURRENTLY for as long as another leads', async () => {
    await database.query('CREATE TABLE item (id int)');
    const held = await ofProcess().acquire('feed');
    const leadership = ofProcess().lead('feed', nothing);
    await untilQueued();
    // It waits for every statement that has begun before, such as one that waits for a lock without end.
    await database.query('CREATE INDEX CONCURRENTLY ON item (id)');
    expect(leadership.isLeader).toBe(false);
    await leadership.stop();
    await held.release();
  });

  it('for more names than there are connections to wait on wins each of them', async () => {
    const names = Array.from({ length: 12 }, (_, n) => `feed ${n}`);
    const held = await ofProcess().acquire(names);
    const { service, table } = createLocks(database.url);
    const listeners = (): number => getEventListeners(table.closeSignal, 'abort').length;
    const before = listeners();
    const candidates = names.map((name) => service.lead(name, nothing));
    // They share those of the features: Node warns of more than ten.
    expect(listeners()).toBe(before);
    await untilQueued();
    await held.release();
    await until(() => candidates.every(({ isLeader }) => isLeader), 'all are led');
    await Promise.all(candidates.map((candidate) => candidate.stop()));
  });

  it.each<[string, object, string]>([
    ['', {}, 'lock name'],
    ['feed', { waitMs: 5 }, '`waitMs`'],
    ['feed', { signal: 'soon' }, '`signal`'],
  ])('is refused for the name %j with %j', (name, options, message) => {
    expect(() => ofProcess().lead(name, nothing, options)).toThrow(message);
  });
});
