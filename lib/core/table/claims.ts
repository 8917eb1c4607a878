import { setTimeout as sleep } from 'node:timers/promises';
import type { LockKey } from '../key/lock-key.js';
import type { LockSession } from '../session/lock-session.js';

/** How often, and after which pause, a loser tries to remember a claim that its winner has not shared yet. */
const REMEMBER_TRIES = 5;
const REMEMBER_PAUSE_MS = 10;

/** How a claim is to be kept. */
export interface ClaimTerms {
  /** For how long, in milliseconds. */
  readonly keepMs: number;
  /**
   * Whether the claim is to outlive its winner: those who lose remember it too. The winner then shares it, and it is free when the
   * last of them is gone.
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
 * Claims: what one in a fleet may do once, such as running a tick of a job. A claim is a lock on the session of all other locks, which
 * stays after the work is done, until nobody can come any more who does not know of it.
 */
export class Claims {
  private readonly claims = new Map<string, Claim>();

  constructor(private readonly sharedSession: (key: LockKey) => Promise<LockSession>) {}

  /** Makes the claim, or answers false when somebody has made it, this process included. Rejects with `LOCK_CONNECTION`. */
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

  /** Those that this process has won or remembers; `madeAt` is by `performance.now()`. */
  get held(): readonly Pick<Claim, 'key' | 'madeAt'>[] {
    return [...this.claims.values()].filter(
      ({ session }) => session !== undefined && session.end === undefined,
    );
  }

  /** Gives a claim back: somebody else may make it. */
  giveBack(key: LockKey): void {
    const claim = this.claims.get(key.id);
    if (claim === undefined) return;
    clearTimeout(claim.expiry);
    this.claims.delete(key.id);
    unlock(claim);
  }

  /**
   * Waits until the newest is so old, in milliseconds: they end with this process, and an instance whose clock is a little behind may
   * still come.
   */
  async age(ms: number): Promise<void> {
    const newest = Math.max(...[...this.claims.values()].map(({ madeAt }) => madeAt));
    const remainingMs = newest + ms - performance.now();
    if (remainingMs > 0) await sleep(remainingMs);
  }

  /** Forgets all; they are free when their session ends. */
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

/** Turns the winner's claim into one that others can share. One after the other: free for a moment, somebody else could win it. */
async function share(claim: Claim, session: LockSession): Promise<void> {
  await session.tryLock(claim.key, 'shared');
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
  // With a session that has ended, it is free.
  if (session === undefined || session.end !== undefined) return;
  session.request({ operation: 'unlock', mode, key, resolve: () => undefined, reject: () => undefined });
}
