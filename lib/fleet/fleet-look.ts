import type { InspectedLock } from '../inspection/inspected-lock.js';
import type { InstanceReport } from './instance-report.js';

/** A connection of this library that nobody has told of. */
export interface SilentBackend {
  readonly pid: number;
  /** Which instance it is of, by its application name. */
  readonly instance: string;
}

/** What a look at the fleet has brought. All of it is for display, and what others tell may be wrong. */
export interface FleetLook {
  readonly database: string;
  /** When it was looked, by the clock of the server. */
  readonly now: Date;
  /** All advisory locks, those that are held first, then those that are waited for, the longest wait first. */
  readonly locks: readonly InspectedLock[];
  /** Of this instance, then of those that answered in time. */
  readonly reports: readonly InstanceReport[];
  /** Connections for locks in this database whose instance did not answer in time, or has nothing to do with the fleet. */
  readonly silent: readonly SilentBackend[];
  /**
   * Whether the fleet was asked. It is not through a pooler in transaction mode, where nobody could hear the answers, nor with
   * `joinsFleet: false`.
   */
  readonly isAsked: boolean;
}
