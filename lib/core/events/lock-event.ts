import type { LockMode } from '../options/lock-mode.js';
import type { LockLostError } from '../errors/lock-lost.error.js';
import type { OmitOfEach } from './omit-of-each.js';

/** What every event has. */
interface EventBase {
  /** When it happened, by the clock of this process. */
  readonly at: Date;
  /** The `name` of the configured module; `default` when it has none. */
  readonly connection: string;
}

/** What every event about a lock has. */
interface LockEventBase extends EventBase {
  /**
   * The name of the lock, as the application wrote it; the names of one request for several, with commas
   * between.
   */
  readonly lockName: string;
  /** How it is held, or is to be held. */
  readonly mode: LockMode;
  /** Whether it belongs to a session of the library or to a transaction of the application. */
  readonly scope: 'session' | 'transaction';
}

/** What every event about one hold of one lock has. */
interface HoldEventBase extends LockEventBase {
  /** The key in Postgres, as text. */
  readonly key: string;
  /**
   * The same number in all events about one hold, and another number for every other hold of this process.
   */
  readonly holdId: number;
}

/** The lock is not free, and a call in this process waits for it. */
export interface WaitingEvent extends LockEventBase {
  readonly type: 'waiting';
  /** How long it waits at most, in milliseconds; `Infinity` without end. */
  readonly waitMs: number;
}

/**
 * A lock was granted. A request for several locks makes one event for each of them. A request inside the same
 * lock makes no event, because it shares the lock around it.
 */
export interface AcquiredEvent extends HoldEventBase {
  readonly type: 'acquired';
  /** How long the request took, in milliseconds. */
  readonly waitedMs: number;
}

/**
 * A lock was not granted: there is another holder. A candidate for a leadership tries for some seconds at a
 * time, and makes one event each time.
 */
export interface BusyEvent extends LockEventBase {
  readonly type: 'busy';
  /** How long the call waited for it, in milliseconds. */
  readonly waitedMs: number;
  /** Whether its signal ended the wait before the time was over. */
  readonly isAborted: boolean;
}

/**
 * A lock was released. A lock that was taken by `lockInTransaction` makes no event when its transaction ends.
 */
export interface ReleasedEvent extends HoldEventBase {
  readonly type: 'released';
  /** How long it was held, in milliseconds. */
  readonly heldMs: number;
}

/** A lock was lost while it was held. */
export interface LostEvent extends HoldEventBase {
  readonly type: 'lost';
  /** How long it had been held when its loss was noticed, in milliseconds. */
  readonly heldMs: number;
  /** The error that the `signal` of the lock aborts with. */
  readonly error: LockLostError;
}

/**
 * Why a method did not run: its lock is `held` by another holder, the tick is `claimed` by another instance,
 * it is `too-late` for the tick, its timer has fired for none of its ticks, or for one once more (`no-tick`),
 * this instance does not lead (`not-leader`), the job is `paused`, or the application is shutting down
 * (`shutdown`).
 */
export type SkipReason = 'held' | 'claimed' | 'too-late' | 'no-tick' | 'not-leader' | 'paused' | 'shutdown';

/** A method with `onBusy: 'skip'`, or a job, was called and did not run. */
export interface SkippedEvent extends EventBase {
  readonly type: 'skipped';
  /** The name of the lock, as the application wrote it. */
  readonly lockName: string;
  /** The class and the method, such as `Reports.nightly`. */
  readonly method: string;
  /** Why it did not run. */
  readonly reason: SkipReason;
  /** Of a job: the instant at which the tick was due. */
  readonly tick?: Date;
}

/** A job began to run for a tick, or its run is over. */
export interface TickEvent extends EventBase {
  readonly type: 'tick';
  /** The name of the lock, as the application wrote it. */
  readonly lockName: string;
  /** The class and the method, such as `Reports.nightly`. */
  readonly method: string;
  /** The instant at which the tick was due, the same in every instance. */
  readonly tick: Date;
  /** Whether the run `began`, `ran` to its end, or `failed`. */
  readonly state: 'began' | 'ran' | 'failed';
  /** How long after the tick the run began, in milliseconds. */
  readonly lateMs: number;
  /** `'manual'` for a run on demand, whose `tick` is the moment of the call; missing for a schedule's. */
  readonly trigger?: 'manual';
  /** Which attempt of a run that is tried again (`retry`) it is; missing for the first. */
  readonly attempt?: number;
  /** How long the run, or the attempt, took, in milliseconds. Missing while it is not over. */
  readonly durationMs?: number;
  /** What a failed run threw. */
  readonly error?: unknown;
}

/**
 * A tick came due while an instance with the job was up, and ran in none. One instance of the fleet reports
 * it, when none can run it any more.
 */
export interface MissedEvent extends EventBase {
  readonly type: 'missed';
  /** The name of the lock, as the application wrote it. */
  readonly lockName: string;
  /** The class and the method, such as `Reports.nightly`. */
  readonly method: string;
  /** The instant at which the tick was due. */
  readonly tick: Date;
}

/**
 * The lock connection ended, or a request for a lock failed, as when the database cannot be reached.
 */
export interface ErrorEvent extends EventBase {
  readonly type: 'error';
  /**
   * The name of the lock. Missing where the event is about no single lock, as when the lock connection ended.
   */
  readonly lockName?: string;
  /** What the request rejected with, or what ended the connection, as a `LockConnectionError`. */
  readonly error: unknown;
}

/**
 * What listeners of {@link AdvisoryLockEvents} receive. Its `type` says which event it is.
 *
 * @example
 * ```ts
 * events.on('*', (event: LockEvent) => {
 *   if (event.type === 'acquired') console.log(`${event.lockName} after ${event.waitedMs} ms`);
 * });
 * ```
 */
export type LockEvent =
  | WaitingEvent
  | AcquiredEvent
  | BusyEvent
  | ReleasedEvent
  | LostEvent
  | SkippedEvent
  | TickEvent
  | MissedEvent
  | ErrorEvent;

/** An event before the name of its module is added. */
export type NewEvent = OmitOfEach<LockEvent, 'connection'>;

/** The `type` of an event. */
export type LockEventType = LockEvent['type'];

/** The event of a type: `LockEventOf<'lost'>` is a {@link LostEvent}. */
export type LockEventOf<T extends LockEventType> = Extract<LockEvent, { readonly type: T }>;
