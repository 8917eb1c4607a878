import { setTimeout as sleep } from 'node:timers/promises';
import type { LockKey } from '../key/lock-key.js';
import type { LockSession } from '../session/lock-session.js';

/**
 * How often, and after which pause in milliseconds, a loser tries to remember a claim that its winner has not
 * shared yet.
 */
const REMEMBER_TRIES = 5;
const REMEMBER_PAUSE_MS = 10;

/** How a claim is kept. */
export interface ClaimTerms {
  /** For how long, in milliseconds. */
  readonly keepMs: number;
  /**
   * Whether the claim outlives its winner: the losers remember it too. The winner then shares it, and it is
   * free when the last of them is gone.
   */
  readonly isRemembered: boolean;
}

interface Claim {
  readonly key: LockKey;
  /** By `performance.now()`. */
  readonly madeAt: number;
  session: LockSession | undefined;
  mode: 'exclusive' | 'shared';
  expiry: NodeJS.Timeout | undefined;
}

/**
 * Claims: what one instance of a fleet may do once, such as to run a tick of a job. A claim is a lock on the
 * shared session. It stays after the work is done, until no instance can come late and make the same claim.
 */
export class Claims {
  private readonly claims = new Map<string, Claim>();

  constructor(private readonly sharedSession: (key: LockKey) => Promise<LockSession>) {}

  /**
   * Makes the claim; resolves to false when any process has made it, this one included. Rejects with
   * `LOCK_CONNECTION`.
   */
  async make(key: LockKey, terms: ClaimTerms): Promise<boolean> {
    if (this.claims.has(key.id)) return false;
    const madeAt = performance.now();
    const claim: Claim = { key, madeAt, session: undefined, mode: 'exclusive', expiry: undefined };
    this.claims.set(key.id, claim);
    try {
      const session = await this.sharedSession(key);
      const hasWon = await session.tryLock(key, 'exclusive');
      if (hasWon) claim.session = session;
      if (terms.isRemembered) await (hasWon ? share(claim, session) : remember(claim, session));
      if (claim.session === undefined) this.claims.delete(key.id);
      else this.expireAfter(claim, terms.keepMs);
      return hasWon;
    } catch (error) {
      this.giveBack(key);
      throw error;
    }
  }

  /** The claims that this process has won or remembers; `madeAt` is by `performance.now()`. */
  get held(): readonly Pick<Claim, 'key' | 'madeAt'>[] {
    return [...this.claims.values()].filter(isHeld);
  }

  /** Whether this process has won or remembers the claim, and no other one can have made it since. */
  holds(key: LockKey): boolean {
    return isHeld(this.claims.get(key.id));
  }

  /** Gives a claim back: another process may make it. */
  giveBack(key: LockKey): void {
    const claim = this.claims.get(key.id);
    if (claim === undefined) return;
    clearTimeout(claim.expiry);
    this.claims.delete(key.id);
    unlock(claim);
  }

  /**
   * Waits until the newest claim is that old, in milliseconds. Claims end with this process, and an instance
   * whose clock is a little behind may still try to make the same. One whose session has ended is over.
   */
  async age(ms: number): Promise<void> {
    const lasting = [...this.claims.values()].filter(({ session }) => session?.end === undefined);
    const newest = Math.max(...lasting.map(({ madeAt }) => madeAt));
    const remainingMs = newest + ms - performance.now();
    if (remainingMs > 0) await sleep(remainingMs);
  }

  /** Forgets all claims. They are free when their session ends. */
  close(): void {
    for (const { expiry } of this.claims.values()) clearTimeout(expiry);
    this.claims.clear();
  }

  private expireAfter(claim: Claim, keepMs: number): void {
    claim.expiry = setTimeout(() => {
      this.giveBack(claim.key);
    }, keepMs).unref();
  }
}

function isHeld(claim: Claim | undefined): boolean {
  return claim?.session !== undefined && claim.session.end === undefined;
}

/**
 * Turns the winner's claim into one that others can share. First it is locked shared, then unlocked: if it
 * were free in between, another process could win it.
 */
async function share(claim: Claim, session: LockSession): Promise<void> {
  // In older versions of Postgres a client that waits for the key is in the way. Then it stays exclusive.
  if (!(await session.tryLock(claim.key, 'shared'))) return;
  unlock(claim);
  claim.mode = 'shared';
}

async function remember(claim: Claim, session: LockSession): Promise<void> {
  for (let tries = 0; tries < REMEMBER_TRIES; tries += 1) {
    if (await session.tryLock(claim.key, 'shared')) {
      claim.session = session;
      claim.mode = 'shared';
      return;
    }
    await sleep(REMEMBER_PAUSE_MS);
  }
}

function unlock({ key, mode, session }: Claim): void {
  // A claim of a session that has ended is free.
  if (session === undefined || session.end !== undefined) return;
  void session.request({ operation: 'unlock', mode, key, resolve: () => undefined, reject: () => undefined });
}
