import { beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Injectable, Post } from '@nestjs/common';
import {
  AdvisoryLockModule,
  AdvisoryLockService,
  currentEntityManager,
  WithAdvisoryLock,
} from 'nestjs-advisory-lock';
import { Observable, of } from 'rxjs';
import { DataSource } from 'typeorm';
import { startWorker } from '../support/processes.js';
import { useTestDatabase } from '../support/test-database.js';
import { isHeld, lockInOtherSession, unlockInOtherSession } from './support/advisory-locks.js';
import { lockedApp, postgres, serve, start } from './support/applications.js';
import { Gate } from './support/gate.js';

const database = useTestDatabase({ connectionsMayStay: true });

const notes = async (): Promise<string[]> =>
  (await database.query<{ text: string }>('SELECT text FROM note')).map(({ text }) => text);

beforeEach(() => database.query('DROP TABLE IF EXISTS note; CREATE TABLE note (text text)'));

async function write(text: string): Promise<string> {
  await currentEntityManager().query('INSERT INTO note VALUES ($1)', [text]);
  return text;
}

let gate: Gate | undefined;

@Injectable()
class Notes {
  @WithAdvisoryLock<[text: string]>((text) => `note:${text}`, { scope: 'transaction' })
  async add(text: string): Promise<string> {
    const written = await write(text);
    await gate?.pass();
    return written;
  }

  @WithAdvisoryLock('note:a', { scope: 'transaction' })
  async fail(): Promise<void> {
    await write('rolled back');
    throw new Error('from the method');
  }

  @WithAdvisoryLock('note:a', { scope: 'transaction', onBusy: 'skip' })
  async skip(): Promise<string | undefined> {
    return write('skip');
  }

  @WithAdvisoryLock('note:a', {
    scope: 'transaction',
    waitMs: 20,
    onBusy: ({ lockName }) => `${lockName} is busy`,
  })
  async supplyWhenBusy(): Promise<string> {
    return write('supplied');
  }

  @WithAdvisoryLock('note:a', { scope: 'transaction', waitMs: 10_000 })
  async wait(): Promise<string> {
    return write('waited');
  }

  @WithAdvisoryLock('note:outer', { scope: 'transaction', isolationLevel: 'READ COMMITTED' })
  async both(): Promise<void> {
    await write('outer');
    await this.add('inner').catch(() => undefined);
    await this.fail().catch(() => undefined);
  }

  @WithAdvisoryLock('note:a', { scope: 'transaction' })
  returnsAStream() {
    return Promise.resolve(of('never read'));
  }

  @WithAdvisoryLock('note:a', { scope: 'session' })
  async inASession(): Promise<string> {
    return write('no transaction here');
  }
}

@Controller()
class Routes {
  @Post()
  @WithAdvisoryLock('note:a', { scope: 'transaction', httpStatus: 423 })
  async post(): Promise<string> {
    return write('posted');
  }
}

describe('@WithAdvisoryLock with scope: transaction', () => {
  const shop = () => start(lockedApp(database, { providers: [Notes] }));

  it('runs the method in a transaction that holds the lock until its commit', async () => {
    const { app } = await shop();
    gate = new Gate();

    const added = app.get(Notes).add('a');
    await gate.reached;
    expect(await isHeld(database, 'note:a')).toBe(true);
    expect(await notes()).toEqual([]);
    const [lock] = await database.advisoryLocks();
    expect(lock?.applicationName).not.toMatch(/nestjs-advisory-lock/);
    gate.open();
    gate = undefined;

    expect(await added).toBe('a');
    expect(await notes()).toEqual(['a']);
    expect(await isHeld(database, 'note:a')).toBe(false);
  });

  it('rolls back when the method throws, and frees the lock', async () => {
    const { app } = await shop();

    await expect(app.get(Notes).fail()).rejects.toThrow('from the method');

    expect(await notes()).toEqual([]);
    expect(await isHeld(database, 'note:a')).toBe(false);
  });

  it('does with a busy lock what onBusy says', async () => {
    const { app } = await shop();
    await lockInOtherSession(database, 'note:a');

    await expect(app.get(Notes).add('a')).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
    expect(await app.get(Notes).skip()).toBeUndefined();
    expect(await app.get(Notes).supplyWhenBusy()).toBe('note:a is busy');

    expect(await notes()).toEqual([]);
  });

  it('waits for a busy lock', async () => {
    const { app } = await shop();
    await lockInOtherSession(database, 'note:a');

    const waiting = app.get(Notes).wait();
    await unlockInOtherSession(database, 'note:a');

    expect(await waiting).toBe('waited');
  });

  it('runs inside another in its transaction, and is rolled back alone when it fails', async () => {
    const { app } = await shop();

    await app.get(Notes).both();

    expect(await notes()).toEqual(['outer', 'inner']);
  });

  it('shows a busy lock to HTTP with the status of its own', async () => {
    const { url } = await serve('express', lockedApp(database, { controllers: [Routes] }));
    expect((await fetch(url, { method: 'POST' })).status).toBe(201);
    await lockInOtherSession(database, 'note:a');
    expect((await fetch(url, { method: 'POST' })).status).toBe(423);
  });

  it('refuses a stream, which would be read after the commit', async () => {
    const { app } = await shop();

    await expect(app.get(Notes).returnsAStream()).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
    expect(() => {
      class Streams {
        @WithAdvisoryLock('a', { scope: 'transaction' })
        read(): Observable<string> {
          return of('a');
        }
      }
      return Streams;
    }).toThrow(/Streams\.read must return a Promise, as it has scope/);
  });

  it('refuses options that only a transaction has in a session, and others that cannot be', () => {
    const decorate = (options: object) => () => WithAdvisoryLock('a', options);
    expect(decorate({ isolationLevel: 'SERIALIZABLE' })).toThrow('unknown option `isolationLevel`');
    expect(decorate({ scope: 'request' })).toThrow("must be 'session' or 'transaction'");
    expect(decorate({ scope: 'transaction', waitMs: '5' })).toThrow('`waitMs`');
  });

  it('has no manager with scope: session', async () => {
    const { app } = await shop();
    await expect(app.get(Notes).inASession()).rejects.toMatchObject({ code: 'LOCK_NOT_HELD' });
  });

  it('uses the data source of its connection', async () => {
    @Injectable()
    class Archive {
      @WithAdvisoryLock('archive', { scope: 'transaction', connection: 'archive' })
      async where(): Promise<unknown> {
        const [row] = await currentEntityManager().query<[object]>(
          `SELECT current_setting('search_path') AS path,
             (SELECT count(*)::int FROM pg_locks
               WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks`,
        );
        return row;
      }
    }
    const { app } = await start({
      imports: [
        postgres(database),
        postgres({ ...database, url: `${database.url}?options=-c%20search_path%3Darchive` }, 'archive'),
        AdvisoryLockModule.forRoot(),
        AdvisoryLockModule.forRoot({ name: 'archive', dataSource: 'archive' }),
      ],
      providers: [Archive],
    });

    expect(await app.get(Archive).where()).toEqual({ path: 'archive', locks: 1 });
  });
});

describe('the shutdown', () => {
  it('waits for transactions that are running, and opens no more', async () => {
    const { app } = await start(lockedApp(database, {}));
    const locks = app.get(AdvisoryLockService);
    const body = new Gate();
    const running = locks.withTransactionLock('a', async () => {
      await body.pass();
      await write('in time');
    });
    await body.reached;

    const closed = app.close();
    // The hook runs after others, in its own time.
    let refusal: unknown;
    while (refusal === undefined) {
      refusal = await locks.withTransactionLock('b', () => undefined).catch((error: unknown) => error);
    }
    body.open();

    expect(refusal).toMatchObject({ code: 'LOCK_SHUTDOWN' });
    await running;
    await closed;
    expect(await notes()).toEqual(['in time']);
    expect(app.get(DataSource).isInitialized).toBe(false);
  });
});

describe('a fleet of 4 processes with pools of 1', () => {
  it('loses none of the updates that were committed', async () => {
    await database.query('CREATE TABLE counter AS SELECT 0 AS value');
    const workers = Array.from({ length: 4 }, () =>
      startWorker(new URL('./workers/transaction-counter.ts', import.meta.url), {
        env: { TEST_URL: database.url, TEST_POOL_SIZE: '1' },
        args: ['100'],
      }),
    );
    for (const worker of workers)
      await worker.message<{ type: string }>(({ type }) => type === 'ready', 60_000);
    for (const worker of workers) worker.send({ type: 'go' });
    let failed = 0;
    for (const worker of workers) {
      failed += (
        await worker.message<{ type: string; failed: number }>(({ type }) => type === 'done', 120_000)
      ).failed;
      expect(await worker.exited).toEqual({ code: 0, signal: null });
    }

    expect(failed).toBeGreaterThan(0);
    expect(await database.query('SELECT value FROM counter')).toEqual([{ value: 400 - failed }]);
  }, 180_000);
});
