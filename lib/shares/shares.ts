import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AdvisoryLock,
  GrowingPause,
  isError,
  type LockLog,
  LockShutdownError,
  messageOf,
  printable,
} from '../core/index.js';
import type { LeadershipBody } from '../leadership/leadership-body.js';
import { Term } from '../leadership/term.js';
import { planShares } from './plan-shares.js';
import type { FoundShares, ShareLocks } from './share-locks.js';

/** The pauses between two looks at the server, which grow while nothing changes, in milliseconds. */
const LOOK_MS = { first: 100, longest: 1_000 } as const;

/** The pauses before a shard is taken again whose body has failed, in milliseconds. */
const RETRY_MS = { first: 100, longest: 5_000 } as const;

/** The locks by which an instance takes part. */
interface Membership {
  /** Released when no body runs any more. */
  readonly presence: AdvisoryLock;
  /** Released when it wants no more shards. */
  readonly member: AdvisoryLock;
}

/**
 * The part of one instance in the shards of its fleet: what `AdvisoryLockService.shares` returns.
 *
 * @example
 * ```ts
 * await using shares = locks.shares('tenants', { of: 64, onGain: (shard) => this.work(shard) });
 * shares.owned; // [0, 3, 7, …]
 * ```
 */
export class Shares implements AsyncDisposable {
  /** Resolves when it takes part no more. @internal */
  readonly over: Promise<void>;
  private readonly stopping = new AbortController();
  private readonly terms = new Map<number, Term>();
  private readonly running = new Set<Promise<void>>();
  private readonly retries = new Map<number, GrowingPause>();
  private presence: AdvisoryLock | undefined;
  private retreats = 0;
  private lastLine = '';

  /** @internal */
  constructor(
    /** The name of the shares, as the application wrote it. */
    readonly name: string,
    /** How many shards there are. */
    readonly of: number,
    private readonly locks: ShareLocks,
    private readonly bodyOf: (shard: number) => LeadershipBody,
    private readonly log: LockLog,
  ) {
    this.over = this.run();
  }

  /**
   * The shards that this instance owns, in ascending order. It reads memory: while the network is gone, it
   * may list a shard for up to `lostAfterMs` that another instance owns soon after.
   */
  get owned(): readonly number[] {
    const owned = [...this.terms].flatMap(([shard, { isLeading }]) => (isLeading ? [shard] : []));
    return owned.sort((one, other) => one - other);
  }

  /**
   * Leaves: the signals of all bodies abort with an `AbortError`, each shard is given back when its body has
   * settled, and the promise resolves when all have. Never rejects; a second call waits for the first. Do not
   * await it inside a body, which would wait for itself.
   */
  stop(): Promise<void> {
    const message = printable(`The shares of "${this.name}" were stopped`);
    return this.stopBecause(new DOMException(message, 'AbortError'));
  }

  /** The same as {@link Shares.stop}, for `await using`. Never rejects. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** @internal */
  stopBecause(reason: unknown): Promise<void> {
    this.stopping.abort(reason);
    return this.over;
  }

  private get isStopped(): boolean {
    return this.stopping.signal.aborted;
  }

  private async run(): Promise<void> {
    const pause = new GrowingPause(LOOK_MS.first, LOOK_MS.longest);
    while (!this.isStopped) {
      const membership = await this.attempt(() => this.join());
      if (membership !== undefined) {
        await this.takePart(membership);
        pause.reset();
      }
      await this.pause(pause.nextMs(), this.stopping.signal);
    }
    await Promise.all(this.running);
  }

  /**
   * Announces this instance, and looks for others that divide the name by another number: shard 3 of 64 and
   * shard 3 of 128 are different work, whose locks do not exclude each other. Of two that announce
   * themselves and look afterwards, at least one sees the other. It retreats; the one that was here stays.
   */
  private async join(): Promise<Membership | undefined> {
    // An instance that is present and no member would be a stranger to others that join with it.
    const member = await this.locks.takeMembership();
    const presence = member && (await this.locks.takePresence());
    let isIn = false;
    try {
      if (member === undefined || presence === undefined) {
        this.note(`Takes no share of "${this.name}" while another client holds its lock exclusively`, 'warn');
        return undefined;
      }
      const { strangers, self } = await this.locks.look();
      isIn = strangers === 0 && self !== undefined && presence.isHeld && member.isHeld;
      this.retreats = strangers === 0 ? 0 : this.retreats + 1;
      // One that leaves is a stranger for a moment.
      if (this.retreats > 1) this.warnOfStrangers();
      return isIn ? { presence, member } : undefined;
    } finally {
      if (!isIn) {
        await presence?.release();
        await member?.release();
      }
    }
  }

  private async takePart({ presence, member }: Membership): Promise<void> {
    this.presence = presence;
    const ending = AbortSignal.any([this.stopping.signal, presence.signal, member.signal]);
    const pause = new GrowingPause(LOOK_MS.first, LOOK_MS.longest);
    let before = '';
    while (!ending.aborted) {
      const found = await this.attempt(async () => {
        const seen = await this.locks.look();
        if (!ending.aborted) await this.follow(seen);
        return seen;
      });
      const now = found === undefined ? '' : JSON.stringify([found.members, [...found.owners]]);
      if (now !== before) pause.reset();
      before = now;
      await this.pause(pause.nextMs(), ending);
    }
    // The others divide the shards among themselves from now on, and take each when its body has settled.
    await member.release();
    // After a loss, bodies that go on must not keep this instance from taking part again.
    if (presence.isHeld) {
      for (const term of this.terms.values()) term.end(this.stopping.signal.reason);
      await Promise.all(this.running);
    }
    await presence.release();
  }

  private async follow(found: FoundShares): Promise<void> {
    if (found.self === undefined) return;
    const { take, surplus } = planShares(found, found.self);
    this.giveBack(found, surplus);
    const taken = await Promise.allSettled(take.map((shard) => this.take(shard)));
    const failed = taken.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
    if (failed !== undefined) throw failed.reason;
    if (found.owners.size === this.of && take.length === 0 && surplus === 0) {
      const { length } = this.owned;
      this.note(
        `Owns ${length} of ${this.of} shares of "${this.name}", of ${found.members.length} instances`,
      );
    }
  }

  /** Ends the terms that are over the even share: the youngest, as the others have more to lose. */
  private giveBack({ owners, self }: FoundShares, surplus: number): void {
    const owned = [...this.terms].filter(([shard]) => owners.get(shard) === self);
    const leading = owned.filter(([, term]) => term.isLeading);
    const count = surplus - (owned.length - leading.length);
    if (count <= 0) return;
    for (const [shard, term] of leading.slice(-count)) {
      const message = printable(`The share ${shard} of "${this.name}" goes to another instance`);
      term.end(new DOMException(message, 'AbortError'));
    }
  }

  private async take(shard: number): Promise<void> {
    // A body that goes on after a loss must settle before this instance starts another one.
    if (this.terms.has(shard)) return;
    const lock = await this.locks.takeShard(shard);
    if (lock === undefined) return;
    // A new session after a loss may have taken it, without the presence.
    if (this.isStopped || this.presence?.isHeld !== true) return lock.release();
    const term = this.serve(shard, lock).finally(() => this.running.delete(term));
    this.running.add(term);
  }

  private async serve(shard: number, lock: AdvisoryLock): Promise<void> {
    const startedAt = performance.now();
    const term = new Term(lock, `the share ${shard} of "${this.name}"`);
    this.terms.set(shard, term);
    const failures = await term.serve(this.bodyOf(shard));
    for (const failure of failures) {
      const what = `The share ${shard} of "${this.name}" failed in this instance, which gives it back`;
      this.log.error(`${what}: ${String(failure)}`, isError(failure) ? failure.stack : undefined);
    }
    await lock.release();
    if (failures.length > 0) await this.rest(shard, performance.now() - startedAt);
    this.terms.delete(shard);
  }

  /** A body that fails at once must not fail again and again without a pause. */
  private async rest(shard: number, lastedMs: number): Promise<void> {
    const pause = this.retries.get(shard) ?? new GrowingPause(RETRY_MS.first, RETRY_MS.longest);
    this.retries.set(shard, pause);
    if (lastedMs > RETRY_MS.longest) pause.reset();
    await this.pause(pause.nextMs(), this.stopping.signal);
  }

  private async pause(ms: number, signal: AbortSignal): Promise<void> {
    await sleep(ms, undefined, { signal }).catch(() => undefined);
  }

  /** Resolves to `undefined` when the database cannot be reached, or has no room: it is tried again. */
  private async attempt<T>(action: () => Promise<T>): Promise<T | undefined> {
    try {
      return await action();
    } catch (error) {
      if (error instanceof LockShutdownError) void this.stopBecause(error);
      if (!this.isStopped) {
        this.note(`Cannot share "${this.name}", and tries again until it works. ${messageOf(error)}`, 'warn');
      }
      return undefined;
    }
  }

  private warnOfStrangers(): void {
    this.note(
      `Takes no share of "${this.name}" while instances divide it by another number than ${this.of}, and ` +
        'goes on when the last of them has left',
      'warn',
    );
  }

  /** Logs it, unless it was logged last. */
  private note(line: string, level: 'log' | 'warn' = 'log'): void {
    if (line === this.lastLine) return;
    this.lastLine = line;
    this.log[level](line);
  }
}
