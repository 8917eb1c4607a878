import type { LockKey, LockMode } from '../core/index.js';

/** What a backend has, or wants to have, of one key. */
export interface Grant {
  readonly pid: number;
  readonly key: LockKey;
  readonly mode: LockMode;
  /** A lock of a transaction is released by its end alone. */
  readonly scope: 'session' | 'transaction';
}

interface Waiter extends Grant {
  readonly granted: () => void;
  readonly fail: (error: Error) => void;
}

interface Lock {
  readonly grants: Grant[];
  readonly queue: Waiter[];
}

/**
 * The advisory locks of a server, with Postgres' rules: a backend does not exclude itself, and may have a
 * lock several times; a request does not overtake waiters that it would exclude; waiters are served in their
 * order.
 *
 * @see https://github.com/postgres/postgres/blob/master/src/backend/storage/lmgr/README
 */
export class MemoryLocks {
  private readonly locks = new Map<string, Lock>();

  /** Takes the lock if nothing is in the way. */
  take(grant: Grant): boolean {
    const { grants, queue } = this.lockOf(grant.key);
    const isFree = !isBlockedBy(grant, queue) && !isBlockedBy(grant, grants);
    const isMine = grants.some(({ pid, mode }) => pid === grant.pid && mode === grant.mode);
    if (isFree || isMine) grants.push(grant);
    return isFree || isMine;
  }

  /** Waits for the lock, until it is granted or the wait fails. */
  wait(grant: Grant): Promise<void> {
    if (this.take(grant)) return Promise.resolve();
    return new Promise((granted, fail) => {
      this.lockOf(grant.key).queue.push({ ...grant, granted, fail });
    });
  }

  /** Ends the waits of a backend with the error. */
  cancel(pid: number, error: Error): void {
    for (const lock of this.locks.values()) {
      for (const waiter of lock.queue.filter((each) => each.pid === pid)) {
        lock.queue.splice(lock.queue.indexOf(waiter), 1);
        waiter.fail(error);
      }
      serve(lock);
    }
  }

  /** Gives one lock back; returns whether the backend had it. */
  release({ pid, key, mode, scope }: Grant): boolean {
    const lock = this.lockOf(key);
    const place = lock.grants.findIndex(
      (grant) => grant.pid === pid && grant.mode === mode && grant.scope === scope,
    );
    if (place < 0) return false;
    lock.grants.splice(place, 1);
    serve(lock);
    return true;
  }

  /** Gives back all locks of the backend, or those of one scope. */
  releaseAll(owner: number, only?: Grant['scope']): void {
    for (const lock of this.locks.values()) {
      const kept = lock.grants.filter(({ pid, scope }) => pid !== owner || (only ?? scope) !== scope);
      lock.grants.splice(0, lock.grants.length, ...kept);
      serve(lock);
    }
  }

  /** Each lock that a backend has or waits for, once, as `pg_locks` shows it. */
  get rows(): (Grant & { readonly isGranted: boolean; readonly blockedBy: readonly number[] })[] {
    return [...this.locks.values()].flatMap(({ grants, queue }) => {
      const held = new Map(grants.map((grant) => [`${grant.pid} ${grant.mode}`, grant]));
      return [
        ...[...held.values()].map((grant) => ({ ...grant, isGranted: true, blockedBy: [] })),
        ...queue.map((waiter, place) => {
          const before = [...grants, ...queue.slice(0, place)].filter((other) => excludes(other, waiter));
          return { ...waiter, isGranted: false, blockedBy: before.map(({ pid }) => pid) };
        }),
      ];
    });
  }

  private lockOf({ id }: LockKey): Lock {
    const lock = this.locks.get(id) ?? { grants: [], queue: [] };
    this.locks.set(id, lock);
    return lock;
  }
}

function excludes(one: Grant, other: Grant): boolean {
  return one.pid !== other.pid && (one.mode === 'exclusive' || other.mode === 'exclusive');
}

function isBlockedBy(grant: Grant, others: readonly Grant[]): boolean {
  return others.some((other) => excludes(other, grant));
}

/** Grants the lock to the waiters in their order, if neither holders nor earlier waiters exclude them. */
function serve({ grants, queue }: Lock): void {
  const staying: Waiter[] = [];
  for (const waiter of queue.splice(0)) {
    if (isBlockedBy(waiter, staying) || isBlockedBy(waiter, grants)) staying.push(waiter);
    else {
      grants.push(waiter);
      waiter.granted();
    }
  }
  queue.push(...staying);
}
