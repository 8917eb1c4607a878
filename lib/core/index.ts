/*
 * The door of core: what other rooms, and the tests, may use of it.
 */
export { LockEngine, type LockEngineOptions } from './lock-engine.js';
export type { LockRuntime } from './lock-runtime.js';

export { AdvisoryLockError, type AdvisoryLockErrorCode } from './errors/advisory-lock.error.js';
export { LockJobFailedError } from './errors/lock-job-failed.error.js';
export { LockCapacityError } from './errors/lock-capacity.error.js';
export { LockConfigurationError } from './errors/lock-configuration.error.js';
export { endsBackend, LockConnectionError } from './errors/lock-connection.error.js';
export { type DeadlockedCall, describeCycle, LockDeadlockError } from './errors/lock-deadlock.error.js';
export { LockLostError, SHUTDOWN_REASON } from './errors/lock-lost.error.js';
export { LockNotHeldError } from './errors/lock-not-held.error.js';
export { LockReentryError } from './errors/lock-reentry.error.js';
export { LockShutdownError } from './errors/lock-shutdown.error.js';
export { LockTimeoutError } from './errors/lock-timeout.error.js';
export {
  type BusyHttpOptions,
  type BusyHttpStatus,
  LockUnavailableError,
} from './errors/lock-unavailable.error.js';
export { isError } from './errors/is-error.js';
export { messageOf } from './errors/message-of.js';
export { isPrintable, printable, printableJson, printableStack } from './errors/printable.js';
export { StandbyError } from './errors/standby.error.js';

export { beginningOf, copyOf, isRememberedWhole } from './key/copied-text.js';
export { KeyRegistry, type KeyRegistryOptions } from './key/key-registry.js';
export type { KeyFunction, KeyValue } from './key/key-function.js';
export {
  isServerKeyScheme,
  isKeySchemeName,
  KEY_SCHEME_NAMES,
  type KeyScheme,
  keySchemes,
  SERVER_KEY_SCHEMES,
  type ServerKeyScheme,
} from './key/key-schemes.js';
export {
  describe,
  describeNames,
  isOneName,
  LockKey,
  type LockName,
  type LockNames,
  type PgLocksKey,
} from './key/lock-key.js';
export type { PermitKeys } from './key/permit-keys.js';
export { nameTemplate } from './key/name-template.js';
export { RecentMap } from './key/recent-map.js';

export { DEFAULT_NAME } from './options/default-name.js';
export {
  busyHttpRules,
  type LockOptions,
  lockRules,
  type ModeOptions,
  modeRules,
  type PermitOptions,
  permitRules,
  type RespectLeasesOptions,
  respectLeasesRules,
  signalRules,
  type WaitOptions,
  waitRules,
} from './options/lock.options.js';
export { type CreateLog, type LockLog, printableLog, SILENT_LOG } from './options/lock-log.js';
export type { LockMode } from './options/lock-mode.js';
export {
  aBoolean,
  aModuleName,
  checkOptions,
  isWholeNumber,
  MAX_TIMER_MS,
  oneOf,
  type OptionRule,
  type OptionRules,
  ownOptions,
  wholeMs,
  wholeNumber,
} from './options/option-rules.js';
export { type KeySchemeOptions, keySchemeRules } from './options/key-scheme.options.js';
export { type Reentry, type ReentryOptions, reentryRules } from './options/reentry.options.js';
export type { TransactionIsolationLevel } from './options/transaction-isolation-level.js';
export {
  type LockInTransactionOptions,
  type TransactionLock,
  type TransactionLockOptions,
  transactionMethodRules,
} from './options/transaction-lock.options.js';

export { BACKEND_PID, CLEAR_SNAPSHOT, TRANSACTION_ID, UNLOCK_ALL } from './sql/session-statements.js';
export { NOTIFY_SETTINGS } from './sql/notify-settings.js';
export { OWN_LOCKS, ownLockIn, ownLockOf } from './sql/pg-locks-statements.js';
export {
  BATCH_NAME,
  BATCH,
  LETTERS,
  type LockOperation,
  type LockRequest,
  resultsOf,
  statementFor,
} from './sql/request-statement.js';
export { IS_GRANTED } from './sql/wait-script.js';
export { isSyntaxOrAccessError, SqlState, sqlStateOf } from './sql/sqlstate.js';
export { CHECKUP } from './sql/server-statements.js';
export type { ServerError } from './sql/sqlstate.js';
export type { Statement } from './sql/statement.js';
export { migratedTable, quotedTable, tableOf } from './sql/table-of.js';

export { AdvisoryLockEvents } from './events/advisory-lock-events.js';
export type { AroundBody } from './events/around-body.js';
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
} from './events/lock-event.js';
export type { OmitOfEach } from './events/omit-of-each.js';

export {
  applicationNameOf,
  defaultInstanceName,
  instanceOf,
  MAX_INSTANCE_LENGTH,
} from './connection/application-name.js';
export { aConnection, checkConnectionOptions } from './connection/check-connection-options.js';
export type { Checkup } from './connection/checkup.js';
export type { Connection, ConnectionSource } from './connection/connection-source.js';
export { parseAddress } from './connection/database-address.js';
export {
  connectionConfig,
  type DatabaseOptions,
  type LockConnectionOptions,
  type PostgresOptions,
} from './connection/connection-config.js';
export { GrowingPause } from './connection/growing-pause.js';
export type { ServerFacts } from './connection/handshake.js';
export { type Listening, LockConnection, type Notification } from './connection/lock-connection.js';
export { LockConnections, type LockConnectionsOptions } from './connection/lock-connections.js';
export { openPool, type PgPool } from './connection/pg-pool.js';
export { type PreparingClient, queryPrepared } from './connection/prepared-query.js';
export { untilEnded } from './connection/until-ended.js';
export type { PoolerOption } from './connection/pooler.js';
export {
  addressOfConfig,
  type PostgresConfig,
  readPostgresConfig,
  schemaOfConfig,
} from './connection/postgres-config.js';
export { sessionSettings } from './connection/session-settings.js';
export { ColumnQuery } from './connection/column-query.js';
export { DEFAULT_HEARTBEAT_TIMES } from './connection/session-times.js';

export { Heartbeat, SilenceError } from './session/heartbeat.js';
export { LockSession } from './session/lock-session.js';
export { ServerKeys } from './session/server-keys.js';
export type { ServerQueries } from './session/server-queries.js';
export { StatementTurns } from './session/statement-turns.js';
export { WaitingSession } from './session/waiting-session.js';

export { type Chained, ChainedMap } from './table/chained-map.js';
export { AdvisoryLock } from './table/advisory-lock.js';
export { CALLER, type CallerOptions, describePlace } from './table/call-place.js';
export type { BlockedCall } from './table/blocked-call.js';
export type { AcquireOptions } from './table/acquire-options.js';
export type { BlockedCalls } from './table/blocked-calls.js';
export { Claims, type ClaimTerms } from './table/claims.js';
export type { WakeUpPublisher } from './table/wake-ups.js';
export { findDeadlock, type WaitDependencies } from './table/find-deadlock.js';
export { type KeyStateName, NEXT_STATES } from './table/key-state.js';
export { discard, isReadLater, readAfterCommit } from './table/hold-while-read.js';
export type { LockActivity } from './table/lock-activity.js';
export { runInside, runOutside } from './table/lock-context.js';
export type { LeaseGuard, TakeLock } from './table/lease-guard.js';
export type { LockHold } from './table/lock-hold.js';
export { LockTable } from './table/lock-table.js';
export { acquirePermit } from './table/permits.js';
export type { SessionLocks } from './table/session-locks.js';
export { sharedStorage } from './table/shared-storage.js';
export type { TryLockOutcome } from './table/try-lock-outcome.js';

export { currentEntityManager } from './transaction/current-entity-manager.js';
export type { OpenTransaction, PgTransactionClient, SqlTransaction } from './transaction/open-transaction.js';
export { PoolMonitor } from './transaction/pool-monitor.js';
export type { TransactionBody, TransactionLocks } from './transaction/transaction-locks.js';
