import type { LockMode } from '../options/lock-mode.js';
import type { LockLostError } from '../errors/lock-lost.error.js';
import type { OmitOfEach } from './omit-of-each.js';

/** What every event says. */
interface EventBase {
  /** When it happened, by this process' clock. */
  readonly at: Date;
  /** The `name` of the configured module: `default` when it has none. */
  readonly connection: string;
}

/** What every event about a lock says. */
interface LockEventBase extends EventBase {
  /** The lock's name, as the application wrote it; of several that are asked for together, with commas between. */
  readonly lockName: string;
  readonly mode: LockMode;
  /** Whether it belongs to a session of the library's own or to a transaction of the application. */
  readonly scope: 'session' | 'transaction';
}

/** What the events about one hold of one lock say. */
interface HoldEventBase extends LockEventBase {
  /** The key in Postgres, as text. */
  readonly key: string;
  /** The same number for all events about one hold, another one for every other hold of this process. */
  readonly holdId: number;
}

/** The lock was not free, and somebody in this process waits for it. */
export interface WaitingEvent extends LockEventBase {
  readonly type: 'waiting';
  /** For how long at most, in milliseconds; `Infinity` for ever. */
  readonly waitMs: number;
}

/**
 * A lock was granted. Of several that were asked for together there is one event each. What is asked for inside of the same lock is no lock
 * of its own, and there is no event.
 */
export interface AcquiredEvent extends HoldEventBase {
  readonly type: 'acquired';
  /** How long it took, in milliseconds. */
  readonly waitedMs: number;
}

/** A lock was not granted: somebody else holds it. A candidate for a leadership tries for some seconds at a time, and says so each time. */
export interface BusyEvent extends LockEventBase {
  readonly type: 'busy';
  /** How long it was waited for, in milliseconds. */
  readonly waitedMs: number;
  /** Whether the wait was ended by its signal before its time was over. */
  readonly isAborted: boolean;
}

/** A lock was released. Of one that was taken by `lockInTransaction` nobody hears when its transaction ends. */
export interface ReleasedEvent extends HoldEventBase {
  readonly type: 'released';
  /** How long it was held, in milliseconds. */
  readonly heldMs: number;
}

/** A lock was lost while it was held. */
export interface LostEvent extends HoldEventBase {
  readonly type: 'lost';
  readonly heldMs: number;
  readonly error: LockLostError;
}

/**
 * Why a method did not run: its lock is `held` by somebody else, the tick was `claimed` by another instance, it is `too-late` for the tick, this
 * instance does not lead (`not-leader`), or the application shuts down (`shutdown`).
 */
export type SkipReason = 'held' | 'claimed' | 'too-late' | 'not-leader' | 'shutdown';

/** A method with `onBusy: 'skip'`, or a job, was called and did not run. */
export interface SkippedEvent extends EventBase {
  readonly type: 'skipped';
  readonly lockName: string;
  /** Such as `Reports.nightly`. */
  readonly method: string;
  readonly reason: SkipReason;
  /** For a job: the instant that the tick was due at. */
  readonly tick?: Date;
}

/** A job has begun to run for a tick, or its run is over. */
export interface TickEvent extends EventBase {
  readonly type: 'tick';
  readonly lockName: string;
  /** Such as `Reports.nightly`. */
  readonly method: string;
  /** The instant that the tick was due at: the same in every instance. */
  readonly tick: Date;
  readonly state: 'began' | 'ran' | 'failed';
  /** By how much the run began after the tick, in milliseconds. */
  readonly lateMs: number;
  /** How long it ran, in milliseconds, when it is over. */
  readonly durationMs?: number;
  /** What a run that failed threw. */
  readonly error?: unknown;
}

/** A lock could not be asked for, or waited for on, as when the database is away. */
export interface ErrorEvent extends EventBase {
  readonly type: 'error';
  /** Missing where it is about no lock in particular, as when the lock connection ended. */
  readonly lockName?: string;
  readonly error: unknown;
}

/** What there is to hear of. */
export type LockEvent =
  | WaitingEvent
  | AcquiredEvent
  | BusyEvent
  | ReleasedEvent
  | LostEvent
  | SkippedEvent
  | TickEvent
  | ErrorEvent;

/** An event as it is made, before the name of its module is added. */
export type NewEvent = OmitOfEach<LockEvent, 'connection'>;

export type LockEventType = LockEvent['type'];

/** The event of a type: `LockEventOf<'lost'>` is a {@link LostEvent}. */
export type LockEventOf<T extends LockEventType> = Extract<LockEvent, { readonly type: T }>;
