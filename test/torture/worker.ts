import type { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import type { AdvisoryLock, LockNames, LockOptions } from '../../lib/index.js';
import { openLocks } from '../support/open-locks.js';
import type { PostgresOptions } from '../../lib/core/index.js';
import { LastingWork } from './lasting-work.js';
import { noteHold } from './note-hold.js';
import { Random } from './random.js';
import { makeWish, type Wish } from './wish.js';
import { WorkerLife } from './worker-life.js';

// One process of the fleet: callers that take locks in every way, hold them, and notice.
const CALLERS = 4;
/** What is refused at once is not asked for again at once. */
const PAUSE_MS = 10;

const life = new WorkerLife();
const { settings, journal } = life;
const random = new Random(settings.seed, settings.worker);
const options: PostgresOptions = {
  type: 'postgres',
  url: settings.url,
  poolSize: 2,
  connectTimeoutMS: settings.lostAfterMs,
  poolErrorHandler: () => undefined,
};
// Between pg-pool's listener and TypeORM's a new client has none for some microtasks. When its backend dies
// just then, as in a crash of the server, the process would end with an unhandled 'error'. This is for the
// application's pool; the locks have one of their own.
const onConnect = (client: EventEmitter): unknown => client.on('error', () => undefined);
const dataSource = new DataSource({ ...options, extra: { onConnect } });
const { lostAfterMs } = settings;
const heartbeatMs = settings.heartbeatMs ?? Infinity;
const { service: locks, ...opened } = openLocks(options, { heartbeatMs, lostAfterMs }, dataSource);

async function hold(
  wish: Wish,
  lock: AdvisoryLock,
  work = (signal: AbortSignal): Promise<unknown> => sleep(wish.holdMs, undefined, { signal }),
): Promise<void> {
  const { signal } = lock;
  const noteEnd = noteHold(journal, lock, wish);
  let token: string | undefined;
  try {
    token = String(await lock.fencingToken());
    await work(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    if (noteEnd(token)) life.count('lost');
  }
}

async function take(wish: Wish, lockOptions: LockOptions): Promise<void> {
  const names = (wish.names.length === 1 ? wish.names[0] : wish.names) as LockNames;
  switch (wish.way) {
    case 'try': {
      const outcome = await locks.tryWithLock(names, (lock) => hold(wish, lock), lockOptions);
      if (!outcome.acquired) life.count('busy');
      return;
    }
    case 'acquire': {
      await using lock = await locks.acquire(names, lockOptions);
      await hold(wish, lock);
      return;
    }
    case 'nested':
      await takeNested(wish, lockOptions);
      return;
    default:
      await locks.withLock(
        names,
        async (lock) => {
          await hold(wish, lock);
        },
        lockOptions,
      );
  }
}

/** Takes the locks one inside the other, in any order, as callers do that cause deadlocks. */
async function takeNested(wish: Wish, lockOptions: LockOptions): Promise<void> {
  const [name, next, ...rest] = wish.names;
  await locks.withLock(
    name,
    async (lock) => {
      if (next === undefined) return hold(wish, lock);
      let inner: Promise<void> | undefined;
      await hold({ ...wish, names: [name] }, lock, (signal) => {
        const waits = [lockOptions.signal ?? [], signal].flat();
        inner = takeNested(
          { ...wish, names: [next, ...rest] },
          { ...lockOptions, signal: AbortSignal.any(waits) },
        );
        return Promise.race([inner, aborted(signal)]);
      });
      // The loss of the outer lock is noted at once; the inner one takes longer to give back.
      await inner;
    },
    lockOptions,
  );
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = (): void => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}

/**
 * The body of a transaction is not notified that its connection is gone; but then it cannot commit either.
 */
async function takeInTransaction({ names: [name], ...wish }: Wish, signal: AbortSignal): Promise<void> {
  await locks.withTransactionLock(
    name,
    async (manager) => {
      const id = journal.start({ ...wish, names: [name] });
      try {
        await sleep(wish.holdMs);
        // It has a result, so the transaction existed when it was sent.
        const askedUs = life.nowUs();
        await manager.query('SELECT 1');
        journal.end(id, { ending: 'released' }, askedUs);
      } catch (error) {
        journal.end(id, { ending: 'rolled back', reason: String(error) });
        throw error;
      }
    },
    { mode: wish.kind === 'shared' ? 'shared' : 'exclusive', waitMs: wish.waitMs, signal },
  );
}

async function turn(): Promise<void> {
  const wish = makeWish(random, settings.load);
  const giveUp = new AbortController();
  const givingUp =
    wish.givesUpAfterMs === undefined
      ? undefined
      : setTimeout(() => {
          giveUp.abort();
        }, wish.givesUpAfterMs);
  try {
    if (wish.way === 'transaction') await takeInTransaction(wish, giveUp.signal);
    else
      await take(wish, {
        mode: wish.kind === 'shared' ? 'shared' : 'exclusive',
        waitMs: wish.waitMs,
        signal: giveUp.signal,
        permits: wish.permits,
      });
  } catch (error) {
    noteFailure(wish, giveUp.signal, error);
    await sleep(PAUSE_MS);
  } finally {
    clearTimeout(givingUp);
  }
}

const EXPECTED: Readonly<Record<string, string>> = {
  LOCK_UNAVAILABLE: 'busy',
  LOCK_TIMEOUT: 'timed out',
  LOCK_LOST: 'notified of a loss',
  LOCK_CONNECTION: 'no connection',
  LOCK_DEADLOCK: 'deadlock',
};

function noteFailure(wish: Wish, giveUp: AbortSignal, error: unknown): void {
  const { code = '' } = error as { code?: string };
  const what = EXPECTED[code];
  if (what !== undefined) life.count(what);
  else if (giveUp.aborted && error === giveUp.reason) life.count('gave up');
  else if (wish.way === 'transaction') life.count('transaction failed');
  else life.unexpected(wish.way, error);
}

async function connect(): Promise<void> {
  while (!dataSource.isInitialized && !life.isStopping) {
    await dataSource.initialize().catch(() => sleep(PAUSE_MS * 10));
  }
}

await connect();
const lasting = new LastingWork(life, new Random(settings.seed, settings.worker, 1), locks);
const shares = lasting.share();
await life.run(
  [...Array.from({ length: CALLERS }, () => turn), lasting.takeLease, lasting.runOnce],
  async () => {
    await shares.stop();
    await opened.close(lostAfterMs);
    if (dataSource.isInitialized) await dataSource.destroy();
  },
);
process.disconnect();
