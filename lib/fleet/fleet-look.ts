import type { InspectedLock } from '../inspection/inspected-lock.js';
import type { InstanceReport } from './instance-report.js';

/** A lock connection of this library that no instance has reported. */
export interface SilentBackend {
  /** The process id of its backend on the server. */
  readonly pid: number;
  /** The `instanceName` of its instance, read from its application name. */
  readonly instance: string;
}

/**
 * What `AdvisoryLockInspector.fleet()` resolves to: the locks of the database, and what the instances report.
 * It is for display only, because reports of other instances may be wrong.
 *
 * @example
 * ```ts
 * const { reports, silent } = await inspector.fleet();
 * console.table(reports.map(({ instance, upMs }) => ({ instance, upMs })));
 * ```
 */
export interface FleetLook {
  /** The name of the database. */
  readonly database: string;
  /** When the database was inspected, by the clock of the server. */
  readonly now: Date;
  /** All advisory locks: held locks first, then waiters, the longest wait first. */
  readonly locks: readonly InspectedLock[];
  /** The report of this instance, then those of the instances that responded in time. */
  readonly reports: readonly InstanceReport[];
  /** Lock connections to this database whose instance did not respond in time, or has `joinsFleet: false`. */
  readonly silent: readonly SilentBackend[];
  /**
   * Whether the fleet was asked. It is not with `joinsFleet: false`, nor through a pooler in transaction
   * mode, where no connection could receive the reports.
   */
  readonly isAsked: boolean;
}
