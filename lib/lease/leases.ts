import { setTimeout as sleep } from 'node:timers/promises';
import {
  checkOptions,
  describe,
  type LeaseGuard,
  LockConfigurationError,
  type LockKey,
  type LockLog,
  LockLostError,
  type LockRuntime,
  LockShutdownError,
  messageOf,
  SHUTDOWN_REASON,
  sqlStateOf,
} from '../core/index.js';
import { AdvisoryLease, type LeaseHome, type LeaseParts } from './advisory-lease.js';
import { type ApplicationDatabase, databaseError } from './application-database.js';
import { askInTurn } from './ask-in-turn.js';
import {
  isText,
  type LeaseOptions,
  leaseRules,
  type ResumeLeaseOptions,
  resumeRules,
} from './lease.options.js';
import type { HeldLease, LeaseGrant } from './held-lease.js';
import { type GrantRequest, LeaseStore, type LeaseTerm } from './lease-store.js';
import { ADVISORY_LEASE_SQL } from './lease-table.js';
import { checkLeaseToken, createLeaseToken, hashLeaseToken } from './lease-token.js';
import { type Turn, Turns } from './turns.js';
import { UnleasedLocks } from './unleased-locks.js';

/** The entries of an index are at most a third of a page. */
const MAX_NAME_BYTES = 2_000;

/** What became of a request for a lease, or of a lease. */
type LeaseOutcome = 'acquired' | 'busy' | 'lost';

/** The leases of one configured module. */
export class Leases {
  private readonly store: LeaseStore;
  private readonly log: LockLog;
  private readonly turns = new Turns();
  private readonly unleased: UnleasedLocks;
  /** The bodies of `withLease` that run. */
  private readonly bodies = new Map<AdvisoryLease, Promise<unknown>>();
  private readonly listeners = new Set<(name: string, outcome: LeaseOutcome) => void>();
  private readonly home: LeaseHome = {
    extend: (request, name) =>
      this.run(name, `The lease "${name}" was not extended`, () => this.store.extend(request)),
    end: (id) => this.store.end(id),
    onRelease: ({ name, fullName }) => {
      this.wake(name, fullName);
    },
    onLost: ({ name }) => {
      this.report(name, 'lost');
    },
    onError: ({ name }, error) => {
      this.log.warn(`The lease "${name}" ends when its time is over: not released, ${messageOf(error)}`);
    },
  };

  constructor(
    private readonly engine: Pick<
      LockRuntime,
      'keys' | 'locks' | 'transactionLocks' | 'closeSignal' | 'createLog'
    >,
    database: ApplicationDatabase,
    /** The name of this instance. */
    private readonly instance: string,
  ) {
    this.store = new LeaseStore(database);
    this.log = engine.createLog('AdvisoryLock');
    this.unleased = new UnleasedLocks((name) => this.isHeld(name), engine.closeSignal);
  }

  /** What takes locks with `respectLeases`. */
  get lockGuard(): LeaseGuard {
    return this.unleased;
  }

  /**
   * Calls the listener with each request that was decided, and each loss that a handle has noticed, until the
   * returned function is called.
   */
  onOutcome(listener: (name: string, outcome: LeaseOutcome) => void): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  /** Rejects with `LOCK_UNAVAILABLE` or `LOCK_TIMEOUT` when the lease stays busy. */
  async lease(name: string, options: LeaseOptions): Promise<AdvisoryLease> {
    const fullName = this.fullNameOf(name);
    checkLeaseOptions(name, options);
    const {
      ttlMs,
      owner = this.instance,
      waitMs = 0,
      signal,
      keepAlive,
      durable: isDurable = true,
      respectLeases = false,
    } = options;
    const token = createLeaseToken(fullName);
    const lockKey = respectLeases ? await this.keyToRespect(name) : undefined;
    const tokenHash = hashLeaseToken(token);
    const request = { name: fullName, tokenHash, owner, ttlMs, isDurable, lockKey };
    const term =
      waitMs > 0 ? await this.waitFor(name, request, waitMs, signal) : await this.grant(name, request);
    this.report(name, term === undefined ? 'busy' : 'acquired');
    if (term === undefined) throw this.engine.locks.unavailable(name, { waitMs });
    return this.handle({ home: this.home, name, fullName, token, tokenHash, isDurable }, term, keepAlive);
  }

  /** Rejects with `LOCK_LOST` when the lease has ended. */
  async resume(name: string, token: string, options: ResumeLeaseOptions = {}): Promise<AdvisoryLease> {
    const fullName = this.fullNameOf(name);
    checkOptions(options, resumeRules, 'resumeLease()');
    checkLeaseToken(token, fullName, name);
    this.throwIfClosed(name);
    const tokenHash = hashLeaseToken(token);
    const term = await this.run(name, `The lease "${name}" was not resumed`, () =>
      this.store.find({ name: fullName, tokenHash }),
    );
    if (term !== undefined) {
      const parts = { home: this.home, name, fullName, token, tokenHash, isDurable: true };
      return this.handle(parts, term, options.keepAlive);
    }
    const reason = 'it has ended: its time was over, or it was released';
    throw new LockLostError({ lockName: name, key: fullName, reason, heldMs: 0 });
  }

  /** The leases of this namespace that are held, or the one of that name. */
  async list(name?: string): Promise<HeldLease[]> {
    const fullName = name === undefined ? undefined : this.fullNameOf(name);
    return this.run(name ?? 'leases', 'The leases were not listed', () =>
      this.store.list(this.engine.keys.prefix, fullName),
    );
  }

  /** Ends a grant, whichever process has its token. Resolves to `false` when it has ended before. */
  async end({ name, fencingToken }: LeaseGrant): Promise<boolean> {
    const fullName = this.fullNameOf(name);
    // Applications in JavaScript may pass anything.
    if (typeof (fencingToken as unknown) !== 'bigint') {
      throw new LockConfigurationError(
        `The \`fencingToken\` of the lease "${name}" must be a bigint, received ${describe(fencingToken)}.`,
      );
    }
    const isEnded = await this.run(name, `The lease "${name}" was not ended`, () =>
      this.store.endGrant(fullName, fencingToken),
    );
    this.wake(name, fullName);
    return isEnded;
  }

  /** Runs the body while the lease is held, and releases it. */
  async withLease<T>(
    name: string,
    body: (lease: AdvisoryLease) => T | PromiseLike<T>,
    options: LeaseOptions,
  ): Promise<T> {
    const lease = await this.lease(name, options);
    const result = runBody(lease, body);
    this.bodies.set(lease, result);
    try {
      return await result;
    } finally {
      this.bodies.delete(lease);
    }
  }

  /**
   * Gives running bodies that many milliseconds to end, and takes the leases from those that go on. Leases
   * without a body go on: they are there to outlive the process. Never rejects.
   */
  async close(graceMs: number): Promise<void> {
    const timer = new AbortController();
    await Promise.race([
      Promise.allSettled(this.bodies.values()),
      sleep(graceMs, undefined, { signal: timer.signal }).catch(() => undefined),
    ]);
    timer.abort();
    for (const lease of this.bodies.keys()) lease.lose(SHUTDOWN_REASON);
  }

  private handle(parts: LeaseParts, term: LeaseTerm, keepAlive = false): AdvisoryLease {
    const lease = new AdvisoryLease(parts, term);
    // After a slow response, or a wait of this process, its time may be over.
    if (lease.lost !== undefined) throw lease.lost;
    if (keepAlive) lease.keepAlive();
    return lease;
  }

  /** Whether any caller has the lease. A lock of its name is held meanwhile: see `UnleasedLocks`. */
  private isHeld(name: string): Promise<boolean> {
    const fullName = this.fullNameOf(name);
    return this.run(name, `The lock "${name}" was not taken`, () => this.store.isHeld({ name: fullName }));
  }

  /** The key of the locks of that name. Throws `LOCK_CONFIGURATION` inside such a lock. */
  private async keyToRespect(name: string): Promise<LockKey> {
    const { locks, transactionLocks } = this.engine;
    if (locks.current(name)?.isHeld !== true && !transactionLocks.isHeld(name)) return locks.keyOf(name);
    throw new LockConfigurationError(
      `The lock "${name}" is held by the calling code, and a lease with \`respectLeases\` would wait for ` +
        'its release. Take the lease outside the lock, or without that option.',
      { lockName: name },
    );
  }

  /** Lets calls of this process that wait for the end of the lease ask at once. */
  private wake(name: string, fullName: string): void {
    this.turns.wake(fullName);
    this.turns.wake(lineBehindLocks(fullName));
    this.unleased.wake(name);
  }

  /** Resolves to `undefined` when the time is over. First come, first served. */
  private async waitFor(
    name: string,
    request: GrantRequest,
    waitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<LeaseTerm | undefined> {
    signal?.throwIfAborted();
    const { closeSignal } = this.engine;
    const join = (): Turn => this.turns.join(lineOf(request));
    return askInTurn({ name, waitMs, signal, closeSignal, join, joinsAtOnce: true }, () =>
      this.ask(name, request),
    );
  }

  /** Resolves to `undefined` when it is busy, or calls of this process wait for it. */
  private grant(name: string, request: GrantRequest): Promise<LeaseTerm | undefined> {
    return this.turns.isWaitedFor(lineOf(request)) ? Promise.resolve(undefined) : this.ask(name, request);
  }

  private async ask(name: string, request: GrantRequest): Promise<LeaseTerm | undefined> {
    this.throwIfClosed(name);
    let term: LeaseTerm | undefined;
    try {
      term = await this.store.grant(request);
    } catch (error) {
      // It may have been granted to a token that no caller has.
      if (sqlStateOf(error) === undefined) void this.store.end(request).catch(() => undefined);
      throw this.errorOf(error, name, `The lease "${name}" was not taken`);
    }
    if (term !== undefined && this.engine.closeSignal.aborted) {
      // The shutdown does not know of it, and would not wait for its body.
      await this.store.end(request).catch(() => undefined);
      throw new LockShutdownError(name);
    }
    return term;
  }

  private report(name: string, outcome: LeaseOutcome): void {
    for (const listener of this.listeners) listener(name, outcome);
  }

  private async run<T>(name: string, what: string, statement: () => Promise<T>): Promise<T> {
    try {
      return await statement();
    } catch (error) {
      throw this.errorOf(error, name, what);
    }
  }

  private errorOf(error: unknown, name: string, what: string): Error {
    return databaseError(error, name, what, ADVISORY_LEASE_SQL);
  }

  private fullNameOf(name: string): string {
    if (typeof name !== 'string') {
      throw new LockConfigurationError(`The name of a lease must be a string, received ${describe(name)}.`);
    }
    // Not by the key of a lock of that name: leases have none, and to make one costs a tenth of a lease.
    const fullName = this.engine.keys.prefix + name;
    const bytes = Buffer.byteLength(fullName);
    if (isText(name) && bytes <= MAX_NAME_BYTES) return fullName;
    throw new LockConfigurationError(
      `The name of a lease must have at least one character and, with the namespace, at most ` +
        `${MAX_NAME_BYTES} bytes, and neither NUL characters nor halves of surrogate pairs, received ` +
        `${name.length} characters, with the namespace ${bytes} bytes.`,
    );
  }

  private throwIfClosed(name: string): void {
    if (this.engine.closeSignal.aborted) throw new LockShutdownError(name);
  }
}

/**
 * The calls that wait for locks, too, have a line of their own: the others need not wait for locks behind
 * them.
 */
function lineOf({ name, lockKey }: GrantRequest): string {
  return lockKey === undefined ? name : lineBehindLocks(name);
}

/** No name has a NUL character. */
function lineBehindLocks(fullName: string): string {
  return `${fullName}\0`;
}

function checkLeaseOptions(name: string, options: LeaseOptions | undefined): void {
  if (options?.ttlMs === undefined) {
    throw new LockConfigurationError(
      `The lease "${name}" must have the option \`ttlMs\`: after how many milliseconds it ends by itself.`,
    );
  }
  checkOptions(options, leaseRules, 'lease() and withLease()');
}

async function runBody<T>(
  lease: AdvisoryLease,
  body: (lease: AdvisoryLease) => T | PromiseLike<T>,
): Promise<T> {
  let value: T;
  try {
    value = await body(lease);
  } catch (error) {
    throw lease.lost?.explain(error) ?? error;
  } finally {
    await lease.release();
  }
  if (lease.lost !== undefined) throw lease.lost;
  return value;
}
