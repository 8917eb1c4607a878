export {
  applicationNameOf,
  defaultInstanceName,
  instanceOf,
  LONGEST_INSTANCE,
} from './connection/application-name.js';
export type { Checkup } from './connection/checkup.js';
export { GrowingPause } from './connection/growing-pause.js';
export { LockConnection, type Notification } from './connection/lock-connection.js';
export { LockConnections, type LockConnectionsOptions } from './connection/lock-connections.js';
export type { PoolerOption } from './connection/pooler.js';
export type { LockConnectionOptions, PostgresOptions } from './connection/sibling-options.js';
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
export { messageOf } from './errors/message-of.js';
export { StandbyError } from './errors/standby.error.js';
export { AdvisoryLockEvents } from './events/advisory-lock-events.js';
export { ConnectionLog } from './events/connection-log.js';
export { LockTeller } from './events/lock-event-publisher.js';
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
export type { OmitOfEach } from './events/omit-of-each.js';
export { KeyBook, type KeyBookOptions } from './key/key-registry.js';
export { type KeyFunction, type KeyScheme, keySchemes, type KeyValue } from './key/key-schemes.js';
export {
  describe,
  describeNames,
  isOneName,
  LockKey,
  type LockName,
  type LockNames,
  type PgLocksKey,
} from './key/lock-key.js';
export { RecentMap } from './key/recent-map.js';
export type { LockMode } from './options/lock-mode.js';
export {
  busyHttpRules,
  checkOptions,
  type LockOptions,
  lockRules,
  type ModeOptions,
  modeRules,
  type OptionRules,
  type PermitOptions,
  permitRules,
  signalRules,
  type WaitOptions,
  waitRules,
} from './options/lock.options.js';
export {
  type LockInTransactionOptions,
  type TransactionLock,
  type TransactionLockOptions,
  transactionLockRules,
} from './options/transaction-lock.options.js';
export { DEFAULT_HEARTBEAT_TIMES, Heartbeat, SilenceError } from './session/heartbeat.js';
export { LockSession } from './session/lock-session.js';
export { WaitingSession } from './session/waiting-session.js';
export {
  answersOf,
  BATCH,
  type LockOperation,
  type LockRequest,
  ownLockOf,
  type Statement,
  statementFor,
} from './sql/lock-statements.js';
export { AdvisoryLock } from './table/advisory-lock.js';
export type { ClaimTerms } from './table/claims.js';
export { runInside, runOutside } from './table/lock-context.js';
export type { LockHold } from './table/lock-hold.js';
export { LockTable } from './table/lock-table.js';
export { acquirePermit } from './table/permits.js';
export { SessionLocks } from './table/session-locks.js';
export { currentEntityManager } from './transaction/current-entity-manager.js';
export { type TransactionBody, TransactionLocks } from './transaction/transaction-locks.js';
export { type TransactionIsolationLevel, Transactions } from './transaction/transactions.js';
