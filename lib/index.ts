export { AdvisoryLock } from './advisory-lock.js';
export {
  AdvisoryLockInspector,
  type FleetLookOptions,
  type FleetOptions,
  type LockFilter,
  type TerminateOptions,
  type TerminateTarget,
} from './advisory-lock-inspector.js';
export { AdvisoryLockModule } from './advisory-lock.module.js';
export type {
  AdvisoryLockModuleExtras,
  AdvisoryLockModuleOptions,
  AdvisoryLockOptionsFactory,
} from './advisory-lock.options.js';
export { AdvisoryLockService, type TryLockOutcome } from './advisory-lock.service.js';
export { getAdvisoryLockToken } from './advisory-lock.tokens.js';
export { currentEntityManager } from './current-entity-manager.js';
export type { LockOptions, ModeOptions, PermitOptions, WaitOptions } from './lock.options.js';
export { runMigrationsExclusively, type RunMigrationsOptions } from './run-migrations-exclusively.js';
export type {
  LockInTransactionOptions,
  TransactionLock,
  TransactionLockOptions,
} from './transaction-lock.options.js';
export type { TransactionBody } from './transaction-locks.js';

export { currentTick, type Tick } from './cron/current-tick.js';
export { CreateExclusiveCronRuns1735689600000 } from './cron/record/create-exclusive-cron-runs.migration.js';
export { AdvisoryLockCronHistory, type AdvisoryLockCronRun } from './cron/record/cron-history.js';
export { ExclusiveCronRun } from './cron/record/exclusive-cron-run.entity.js';
export type { RecordOptions } from './cron/record/record.options.js';
export { EXCLUSIVE_CRON_RUN_SQL } from './cron/record/run-table.js';

export { ExclusiveCron, type ExclusiveCronOptions } from './decorators/exclusive-cron.decorator.js';
export { ExclusiveInterval } from './decorators/exclusive-interval.decorator.js';
export type { ExclusiveJobOptions, LeaderOptions } from './decorators/exclusive-job.options.js';
export type { TickOptions } from './cron/tick.options.js';
export { ExclusiveTimeout } from './decorators/exclusive-timeout.decorator.js';
export { InjectAdvisoryLock } from './decorators/inject-advisory-lock.decorator.js';
export type { RunTimeJobOptions, ScheduledJob } from './decorators/run-time-job.js';
export type { Leadership, LeadershipBody, LeadOptions } from './cron/leadership.js';
export type { LeadershipMethodDecorator, OnLeadershipOptions } from './decorators/leadership-method.js';
export { OnLeadership } from './decorators/on-leadership.decorator.js';
export { OnLeadershipEnd } from './decorators/on-leadership-end.decorator.js';
export type { BusyContext, OnBusy } from './decorators/run-locked.js';
export type { AsyncResult, LockedJobDecorator, LockedMethodDecorator } from './decorators/async-method.js';
export {
  WithAdvisoryLock,
  type WithAdvisoryLockInTransactionOptions,
  type WithAdvisoryLockOptions,
} from './decorators/with-advisory-lock.decorator.js';

export { AdvisoryLockEvents } from './events/advisory-lock-events.js';
export type {
  AcquiredEvent,
  BusyEvent,
  ErrorEvent,
  LockEvent,
  LockEventOf,
  LockEventType,
  LostEvent,
  ReleasedEvent,
  SkippedEvent,
  SkipReason,
  TickEvent,
  WaitingEvent,
} from './events/lock-event.js';

export type { KeyFunction, KeyScheme, KeyValue } from './engine/key-schemes.js';
export type { PoolerOption } from './engine/pooler.js';
export type { LockConnectionOptions } from './engine/sibling-options.js';
export type { LockKey, LockName, LockNames } from './engine/lock-key.js';
export type { LockMode } from './engine/lock-mode.js';
export type { TransactionIsolationLevel } from './engine/transactions.js';

export { AdvisoryLockError, type AdvisoryLockErrorCode } from './errors/advisory-lock.error.js';
export { LockCapacityError } from './errors/lock-capacity.error.js';
export { LockConfigurationError } from './errors/lock-configuration.error.js';
export { LockConnectionError } from './errors/lock-connection.error.js';
export { LockDeadlockError } from './errors/lock-deadlock.error.js';
export { LockLostError } from './errors/lock-lost.error.js';
export { LockNotHeldError } from './errors/lock-not-held.error.js';
export { LockShutdownError } from './errors/lock-shutdown.error.js';
export { LockTimeoutError } from './errors/lock-timeout.error.js';
export {
  type BusyHttpOptions,
  type BusyHttpStatus,
  LockUnavailableError,
} from './errors/lock-unavailable.error.js';
export {
  AdvisoryLockHealthIndicator,
  type ReadinessOptions,
} from './health/advisory-lock-health-indicator.js';
export type { LockHealth } from './health/lock-health.js';
export type {
  InspectedBackend,
  InspectedKey,
  InspectedLock,
  WaitEdge,
  WaitGraph,
} from './inspect/inspected-lock.js';
export type { FleetLook, SilentBackend } from './inspect/fleet/fleet-look.js';
export type {
  InstanceReport,
  ReportedJob,
  ReportedLock,
  ReportedTick,
} from './inspect/fleet/instance-report.js';
export type { Diagnosis, Problem, ProblemCode } from './inspect/diagnosis.js';
export { toHttpException } from './http/lock-unavailable.filter.js';
