import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AdvisoryLock, AdvisoryLockService, Shares } from '../../lib/index.js';
import type { HoldStart } from './journal.js';
import { noteHold } from './note-hold.js';
import type { Random } from './random.js';
import type { WorkerLife } from './worker-life.js';

/** Longer than a worker is frozen or silent: what no fault ends must never have two holders. */
const TTL_MS = 6_000;
const LEASES = 4;
const ONCE_NAMES = 3;
const SHARDS = 12;

const EXPECTED: Readonly<Record<string, string>> = {
  LOCK_UNAVAILABLE: 'busy',
  LOCK_TIMEOUT: 'timed out',
  LOCK_LOST: 'notified of a loss',
  LOCK_CONNECTION: 'no connection',
};

/** What a worker does besides locks: leases that it hands over, what runs once, and shares. */
export class LastingWork {
  constructor(
    private readonly life: WorkerLife,
    private readonly random: Random,
    private readonly locks: AdvisoryLockService,
  ) {}

  /** Takes a lease, hands it to another handle in half of the cases, and releases it. */
  readonly takeLease = (): Promise<void> =>
    this.attempt('lease', async () => {
      const name = `lease:${this.random.between(0, LEASES)}`;
      let lease = await this.locks.lease(name, { ttlMs: TTL_MS, waitMs: this.random.pick([0, 300, 2_000]) });
      const token = String(lease.fencingToken);
      const id = this.life.journal.start(exclusive(name, 'lease'));
      try {
        await sleep(this.random.between(0, 60), undefined, { signal: lease.signal }).catch(() => undefined);
        if (this.random.chance(0.5)) {
          lease = await this.locks.resumeLease(name, lease.token);
          if (String(lease.fencingToken) !== token) {
            this.life.unexpected('hand-over', new Error(`${lease.fencingToken} instead of ${token}`));
          }
          this.life.count('handed over');
        }
      } finally {
        const reason = lease.signal.aborted && String(lease.signal.reason);
        this.life.journal.end(
          id,
          reason === false ? { token, ending: 'released' } : { token, ending: 'lost', reason },
        );
        await lease.release();
      }
    });

  /** Runs a version that has hardly run before. */
  readonly runOnce = (): Promise<void> =>
    this.attempt('once', async () => {
      const name = `seed:${this.random.between(0, ONCE_NAMES)}`;
      const version = String(this.random.between(0, 1_000));
      const { ran } = await this.locks.once(
        name,
        (lock) => this.hold(`once:${name}`, 'once', lock, this.shortly),
        {
          version,
          waitMs: this.random.pick([0, 300, 2_000]),
        },
      );
      this.life.count(ran ? 'ran once' : 'had run');
      await sleep(this.random.between(0, 40));
    });

  /** Owns its share until it is stopped. */
  share(): Shares {
    return this.locks.shares('tenants', {
      of: SHARDS,
      onGain: async (shard, signal) => {
        const lock = this.locks.current();
        if (lock === undefined) throw new Error('a shard is worked on outside of its lock');
        this.life.count('shards gained');
        await this.hold(`shard:${shard}`, 'share', lock, async () => {
          if (!signal.aborted) await once(signal, 'abort');
        });
      },
    });
  }

  private readonly shortly = async (signal: AbortSignal): Promise<void> => {
    await sleep(this.random.between(0, 60), undefined, { signal }).catch(() => undefined);
  };

  private async hold(
    name: string,
    way: string,
    lock: AdvisoryLock,
    work: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const noteEnd = noteHold(this.life.journal, lock, exclusive(name, way));
    let token: string | undefined;
    try {
      token = String(await lock.fencingToken());
      await work(lock.signal);
    } catch (error) {
      // A token that could not be made is no loss yet.
      if (EXPECTED[codeOf(error)] === undefined) throw error;
    } finally {
      noteEnd(token);
    }
  }

  private async attempt(what: string, turn: () => Promise<void>): Promise<void> {
    try {
      await turn();
    } catch (error) {
      const expected = EXPECTED[codeOf(error)];
      if (expected === undefined) this.life.unexpected(what, error);
      else this.life.count(`${what}: ${expected}`);
      await sleep(20);
    }
  }
}

function codeOf(error: unknown): string {
  return (error as { readonly code?: string }).code ?? '';
}

function exclusive(name: string, way: string): HoldStart {
  return { names: [name], kind: 'exclusive', permits: 1, way };
}
