import { checkOptions, GrowingPause, LockLostError, LockNotHeldError, MAX_TIMER_MS } from '../core/index.js';
import { ttlRules } from './lease.options.js';
import type { ExtensionRequest, LeaseId, LeaseStore, LeaseTerm } from './lease-store.js';

/** How long before the end of its time a lease counts as lost, at most, in milliseconds. */
const MAX_MARGIN_MS = 1_000;

/**
 * How far the clocks of server and process may drift apart: NTP keeps each within 500 ppm.
 *
 * @see https://datatracker.ietf.org/doc/html/rfc5905
 */
const MAX_DRIFT = 0.001;

/** Pauses between attempts to extend a lease while the database is away, in milliseconds. */
const RETRY_MS = { first: 50, longest: 1_000 } as const;

/** What a lease is, besides its term. */
export interface LeaseParts {
  readonly home: LeaseHome;
  /** As the application wrote it. */
  readonly name: string;
  /** With the namespace. */
  readonly fullName: string;
  readonly token: string;
  /** What the server stores of the token. */
  readonly tokenHash: string;
  /** Whether its changes must survive a crash of the server. */
  readonly isDurable: boolean;
}

/** What all leases of a module have in common. */
export interface LeaseHome extends Pick<LeaseStore, 'end'> {
  extend(request: ExtensionRequest, name: string): Promise<LeaseTerm | undefined>;
  /** The lease is released: another call may have it now. */
  onRelease(parts: LeaseParts): void;
  /** The lease has noticed that it is lost. */
  onLost(parts: LeaseParts): void;
  /** The server could not be notified of the release. */
  onError(parts: LeaseParts, error: unknown): void;
}

/**
 * A lease that is held: what `lease` and `resumeLease` resolve to, and what the body of `withLease` receives.
 * It lasts until `expiresAt`, whether or not this process lives, unless it is extended or released before.
 *
 * @example
 * ```ts
 * const lease = await locks.lease('doc:42', { ttlMs: 600_000 });
 * session.lease = lease.token; // a later request, in whatever process, goes on with it
 * ```
 */
export class AdvisoryLease implements AsyncDisposable {
  private readonly heldSince = performance.now();
  /** When it counts as lost, by `performance.now()`. */
  private deadline: number;
  private controller: AbortController | undefined;
  private lossTimer: NodeJS.Timeout | undefined;
  private keepAliveTimer: NodeJS.Timeout | undefined;
  private lostError: LockLostError | undefined;
  private released: Promise<void> | undefined;
  /** Settles when all extensions are settled; missing when there was none. */
  private extensions: Promise<unknown> | undefined;

  /** @internal */
  constructor(
    private readonly parts: LeaseParts,
    private term: LeaseTerm,
  ) {
    this.deadline = deadlineOf(term);
  }

  /** The name, as the application wrote it. */
  get name(): string {
    return this.parts.name;
  }

  /**
   * What `resumeLease` needs to go on with this lease in another process or request. It is a secret: its
   * bearer can extend and release the lease.
   */
  get token(): string {
    return this.parts.token;
  }

  /**
   * A number that is larger than that of every earlier grant of this name, and the same in each process that
   * resumes the lease. Send it along with each write that the lease protects, and let the receiver refuse a
   * number that is smaller than one that it has seen.
   */
  get fencingToken(): bigint {
    return this.term.fencingToken;
  }

  /** When it ends, by the clock of the server, as far as this handle has extended it. */
  get expiresAt(): Date {
    return this.term.expiresAt;
  }

  /**
   * Aborts when the lease is lost: shortly before its time is over, so before the server can grant it to
   * another caller, or when an extension finds that it has ended. Its reason is a {@link LockLostError}.
   */
  get signal(): AbortSignal {
    this.controller ??= new AbortController();
    if (this.lost === undefined) this.watch();
    else this.controller.abort(this.lost);
    return this.controller.signal;
  }

  /**
   * Lets the lease end that long from now; that may also be earlier than before.
   *
   * @param ttlMs - a whole number of milliseconds from 1_000 to 31_622_400_000; by default as long as it was
   * granted or extended last.
   * @throws {@link LockLostError} (`LOCK_LOST`) when the lease was lost, has ended or was ended.
   * @throws {@link LockNotHeldError} (`LOCK_NOT_HELD`) when this handle has released it.
   * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for an invalid time.
   * @throws {@link LockConnectionError} (`LOCK_CONNECTION`) when the server could not be asked. Then the
   * lease lasts as long as before.
   * @example
   * ```ts
   * await lease.extend(); // at each sign of life of the user
   * ```
   */
  extend(ttlMs?: number): Promise<void> {
    // One after the other, so that the last one decides on both sides.
    const extension = (this.extensions ?? Promise.resolve()).then(() => this.extendNow(ttlMs));
    this.extensions = extension.catch(() => undefined);
    return extension;
  }

  /**
   * Ends the lease, in whichever process it is held: another caller can have it at once. A second call waits
   * for the first. A lost lease is left alone: another process may go on with it. When the server cannot be
   * reached, the lease ends when its time is over. Never rejects.
   *
   * @example
   * ```ts
   * const lease = await locks.resumeLease('doc:42', token);
   * await save(draft);
   * await lease.release();
   * ```
   */
  release(): Promise<void> {
    this.released ??= this.releaseNow();
    return this.released;
  }

  /**
   * The same as {@link AdvisoryLease.release}, for `await using`. Do not use it for a lease that is handed
   * over. Never rejects.
   */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /**
   * The loss, as soon as it is known. It looks at the clock, as a blocked event loop runs no timer.
   *
   * @internal
   */
  get lost(): LockLostError | undefined {
    if (this.released === undefined && performance.now() >= this.deadline) this.lose('its time is over');
    return this.lostError;
  }

  /** Counts as lost from now on, whatever the server says. @internal */
  lose(reason: string): void {
    if (this.lostError !== undefined || this.released !== undefined) return;
    this.stop();
    this.lostError = new LockLostError({
      lockName: this.name,
      key: this.parts.fullName,
      reason,
      heldMs: Math.round(performance.now() - this.heldSince),
    });
    this.controller?.abort(this.lostError);
    this.parts.home.onLost(this.parts);
  }

  /** Extends the lease each third of its time, until it is released or lost. @internal */
  keepAlive(pause = new GrowingPause(RETRY_MS.first, RETRY_MS.longest), inMs = this.term.ttlMs / 3): void {
    this.keepAliveTimer = setTimeout(
      () => {
        this.extend().then(
          () => {
            if (this.isHeld) this.keepAlive();
          },
          () => {
            if (this.isHeld) this.keepAlive(pause, pause.nextMs());
          },
        );
      },
      Math.min(inMs, MAX_TIMER_MS),
    ).unref();
  }

  private get id(): LeaseId {
    const { fullName: name, tokenHash } = this.parts;
    return { name, tokenHash };
  }

  private get isHeld(): boolean {
    return this.released === undefined && this.lost === undefined;
  }

  private assertHeld(): void {
    if (this.lost !== undefined) throw this.lost;
    if (this.released !== undefined) throw new LockNotHeldError(this.name, 'it was released before');
  }

  private async extendNow(ttlMs: number = this.term.ttlMs): Promise<void> {
    checkOptions({ ttlMs }, ttlRules, `extend() of the lease "${this.name}"`);
    this.assertHeld();
    // Whether a statement without a response has shortened the lease is not known.
    const shortened = performance.now() + ttlMs - marginOf(ttlMs);
    this.setDeadline(Math.min(this.deadline, shortened));
    const { home, isDurable } = this.parts;
    const term = await home.extend({ ...this.id, ttlMs, isDurable }, this.name);
    if (term === undefined) this.lose('it has ended on the server: its time was over, or it was released');
    this.assertHeld();
    if (term === undefined) return;
    this.term = term;
    this.setDeadline(deadlineOf(term));
  }

  private async releaseNow(): Promise<void> {
    if (this.lost !== undefined) return;
    this.stop();
    const { home } = this.parts;
    try {
      // An extension that is under way would keep the lease of a released handle.
      if (this.extensions !== undefined) await this.extensions;
      await home.end(this.id);
    } catch (error) {
      home.onError(this.parts, error);
    } finally {
      home.onRelease(this.parts);
    }
  }

  private setDeadline(deadline: number): void {
    this.deadline = deadline;
    if (this.controller !== undefined) this.watch();
  }

  private watch(): void {
    if (this.released !== undefined) return;
    clearTimeout(this.lossTimer);
    const leftMs = Math.max(0, this.deadline - performance.now());
    this.lossTimer = setTimeout(
      () => {
        if (this.isHeld) this.watch();
      },
      Math.min(Math.ceil(leftMs), MAX_TIMER_MS),
    ).unref();
  }

  private stop(): void {
    clearTimeout(this.lossTimer);
    clearTimeout(this.keepAliveTimer);
  }
}

/**
 * When a lease counts as lost. The time runs from before the statement was sent, so that its way to the
 * server is no part of it.
 */
function deadlineOf({ sentAt, leftMs }: LeaseTerm): number {
  return sentAt + leftMs - marginOf(leftMs);
}

/** What a holder has to stop between its signal and the end, and what clocks may differ. */
function marginOf(ttlMs: number): number {
  return Math.min(ttlMs / 10, MAX_MARGIN_MS) + ttlMs * MAX_DRIFT;
}
