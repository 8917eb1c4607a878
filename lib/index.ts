/*
 * The public API, kept by hand. `./adapters` and `./dashboard` have their own: lib/adapters/index.ts and
 * lib/dashboard/index.ts.
 */
export { AdvisoryLock } from './core/index.js';
export {
  AdvisoryLockInspector,
  type FleetLookOptions,
  type FleetOptions,
  type LockFilter,
  type TerminateOptions,
  type TerminateTarget,
} from './nest/advisory-lock-inspector.js';
export { AdvisoryLockModule } from './nest/advisory-lock.module.js';
export type {
  AdvisoryLockModuleExtras,
  AdvisoryLockModuleOptions,
  AdvisoryLockOptionsFactory,
} from './nest/advisory-lock.options.js';
export { AdvisoryLockService } from './nest/advisory-lock.service.js';
export { getAdvisoryLockToken } from './locking/advisory-lock.tokens.js';
export { currentEntityManager } from './core/index.js';
export type {
  LockOptions,
  ModeOptions,
  PermitOptions,
  ReentryOptions,
  RespectLeasesOptions,
  TryLockOutcome,
  WaitOptions,
} from './core/index.js';
export {
  type MigrateFunctionOptions,
  runMigrationsExclusively,
  type RunMigrationsOptions,
} from './migrations/run-migrations-exclusively.js';
export type { LockInTransactionOptions, TransactionLock, TransactionLockOptions } from './core/index.js';
export type { OpenTransaction, PgTransactionClient, SqlTransaction, TransactionBody } from './core/index.js';

export { currentTick, type Tick } from './jobs/run/current-tick.js';
export { CreateExclusiveCronRuns1735689600000 } from './jobs/records/create-exclusive-cron-runs.migration.js';
export {
  AdvisoryLockCronHistory,
  type AdvisoryLockCronRun,
  type RunsOptions,
} from './nest/advisory-lock-cron-history.js';
export { AdvisoryLockJobs, type AdvisoryLockJob, type PauseOptions } from './nest/advisory-lock-jobs.js';
export { AdvisoryLockJobPause } from './jobs/control/advisory-lock-job-pause.entity.js';
export { CreateAdvisoryLockJobPauses1735776000000 } from './jobs/control/create-job-pauses.migration.js';
export { ADVISORY_LOCK_JOB_PAUSE_SQL } from './jobs/control/pause-table.js';
export { AdvisoryLockJobRun } from './jobs/history/advisory-lock-job-run.entity.js';
export { CreateAdvisoryLockJobRuns1735862400000 } from './jobs/history/create-job-runs.migration.js';
export { ADVISORY_LOCK_JOB_RUN_SQL } from './jobs/history/history-table.js';
export { ExclusiveCronRun } from './jobs/records/exclusive-cron-run.entity.js';
export type { RecordOptions } from './jobs/records/record.options.js';
export { EXCLUSIVE_CRON_RUN_SQL } from './jobs/records/run-table.js';

export { ExclusiveCron, type ExclusiveCronOptions } from './jobs/exclusive-cron.decorator.js';
export { ExclusiveInterval, type ExclusiveIntervalOptions } from './jobs/exclusive-interval.decorator.js';
export type { ExclusiveJobOptions, LeaderOptions, RetryOptions } from './jobs/exclusive-job.options.js';
export type { TickOptions } from './jobs/tick.options.js';
export { ExclusiveTimeout } from './jobs/exclusive-timeout.decorator.js';
export { AdvisoryLease } from './lease/advisory-lease.js';
export type { HeldLease, LeaseFilter, LeaseGrant } from './lease/held-lease.js';
export { AdvisoryLeaseRecord } from './lease/advisory-lease-record.entity.js';
export { CreateAdvisoryLeases1795824000000 } from './lease/create-advisory-leases.migration.js';
export type { LeaseOptions, ResumeLeaseOptions } from './lease/lease.options.js';
export { ADVISORY_LEASE_SQL } from './lease/lease-table.js';
export { AdvisoryOnceRecord } from './lease/once/advisory-once-record.entity.js';
export { CreateAdvisoryOnce1795824000001 } from './lease/once/create-advisory-once.migration.js';
export type { OnceOptions } from './lease/once/once.options.js';
export { ADVISORY_ONCE_SQL } from './lease/once/once-table.js';

export { OnShare, type ShareMethodDecorator } from './shares/on-share.decorator.js';
export type { OnShareOptions } from './shares/share-method.js';
export type { Shares } from './shares/shares.js';
export type { ShareBody, SharesOptions } from './shares/shares.options.js';

export { InjectAdvisoryLock } from './locking/inject-advisory-lock.decorator.js';
export type { RunTimeJobOptions, ScheduledJob } from './jobs/run-time-jobs.js';
export type { Leadership, LeadOptions } from './leadership/leadership.js';
export type { LeadershipBody } from './leadership/leadership-body.js';
export type { LeadershipMethodDecorator, OnLeadershipOptions } from './leadership/leadership-method.js';
export { OnLeadership } from './leadership/on-leadership.decorator.js';
export { OnLeadershipEnd } from './leadership/on-leadership-end.decorator.js';
export type { BusyContext, OnBusy } from './locking/on-busy.js';
export type { AsyncResult, LockedJobDecorator, LockedMethodDecorator } from './locking/async-method.js';
export {
  WithAdvisoryLock,
  type WithAdvisoryLockInTransactionOptions,
  type WithAdvisoryLockOptions,
} from './locking/with-advisory-lock.decorator.js';

export { AdvisoryLockEvents } from './core/index.js';
export type {
  AcquiredEvent,
  BusyEvent,
  ErrorEvent,
  LockEvent,
  LockEventOf,
  LockEventType,
  LostEvent,
  MissedEvent,
  ReleasedEvent,
  SkippedEvent,
  SkipReason,
  TickEvent,
  WaitingEvent,
} from './core/index.js';

export type { KeyFunction, KeyScheme, KeySchemeOptions, KeyValue, ServerKeyScheme } from './core/index.js';
export type { PoolerOption } from './core/index.js';
export type { LockConnectionOptions, PostgresConfig } from './core/index.js';
export type { LockKey, LockName, LockNames } from './core/index.js';
export type { LockMode } from './core/index.js';
export type { TransactionIsolationLevel } from './core/index.js';

export { AdvisoryLockError, type AdvisoryLockErrorCode } from './core/index.js';
export { LockJobFailedError } from './core/index.js';
export { LockCapacityError } from './core/index.js';
export { LockConfigurationError } from './core/index.js';
export { LockConnectionError } from './core/index.js';
export { type DeadlockedCall, LockDeadlockError } from './core/index.js';
export { LockLostError } from './core/index.js';
export { LockNotHeldError } from './core/index.js';
export { LockReentryError } from './core/index.js';
export { LockShutdownError } from './core/index.js';
export { LockTimeoutError } from './core/index.js';
export { type BusyHttpOptions, type BusyHttpStatus, LockUnavailableError } from './core/index.js';
export {
  AdvisoryLockHealthIndicator,
  type ReadinessOptions,
} from './nest/health/advisory-lock-health-indicator.js';
export type { LockHealth } from './nest/health/lock-health.js';
export type {
  InspectedBackend,
  InspectedKey,
  InspectedLock,
  WaitEdge,
  WaitGraph,
} from './inspection/inspected-lock.js';
export type { FleetLook, SilentBackend } from './fleet/fleet-look.js';
export type {
  InstanceReport,
  ReportedJob,
  ReportedKeptLock,
  ReportedLock,
  ReportedTick,
  ReportedWait,
} from './fleet/instance-report.js';
export type { Diagnosis, Problem, ProblemCode } from './inspection/diagnosis.js';
export { toHttpException } from './nest/http/to-http-exception.js';
export { LockUnavailableFilter } from './nest/transports/lock-unavailable.filter.js';
