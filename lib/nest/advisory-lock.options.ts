import type { InjectionToken } from '@nestjs/common';
import {
  aBoolean,
  aConnection,
  type BusyHttpOptions,
  busyHttpRules,
  checkConnectionOptions,
  checkOptions,
  DEFAULT_HEARTBEAT_TIMES,
  describe,
  type KeyScheme,
  keySchemeRules,
  LockConfigurationError,
  type LockConnectionOptions,
  MAX_INSTANCE_LENGTH,
  MAX_TIMER_MS,
  oneOf,
  type OptionRules,
  type PoolerOption,
  type PostgresConfig,
  type ReentryOptions,
  reentryRules,
  wholeMs,
  wholeNumber,
} from '../core/index.js';

/**
 * The options of `AdvisoryLockModule.forRoot`, which the factory of `forRootAsync` returns.
 *
 * @example
 * ```ts
 * AdvisoryLockModule.forRoot({ namespace: 'shop', heartbeatMs: 1_000, lostAfterMs: 4_000 })
 * ```
 */
export interface AdvisoryLockModuleOptions extends BusyHttpOptions, ReentryOptions {
  /**
   * The database, for an application without TypeORM: a connection string, or the options of a client of
   * node-postgres (`pg.ClientConfig`), whose `password` may be a function that is called for each connection.
   * With it there is no `dataSource`, and `withTransactionLock()` is refused.
   * @default none: the database of `dataSource`
   */
  readonly postgres?: string | PostgresConfig;
  /**
   * The TypeORM data source whose database has the locks: the `name` given to `TypeOrmModule.forRoot`, or an
   * injection token.
   * @default the default data source of `TypeOrmModule`
   */
  readonly dataSource?: InjectionToken;
  /**
   * A prefix of all lock names, so that applications that share a database do not use one name by chance:
   * with the namespace `shop` the lock `import` is the lock `shop:import`. Keys that are numbers have no
   * prefix.
   * @default none
   */
  readonly namespace?: string;
  /**
   * How names become keys: `sha256` (64 bits), the formula of another library by its name, or a function; see
   * {@link KeyScheme}. All programs that exclude each other need the same. Calls and decorators have the same
   * option.
   * @default 'sha256'
   */
  readonly keyScheme?: KeyScheme;
  /**
   * The options of the lock connection that differ from the data source, such as a `url` around a pooler.
   * @default none
   */
  readonly connectionOptions?: LockConnectionOptions;
  /**
   * How many connections this module may have, 1 to 100: one for all locks that are not waited for, and one
   * for each lock that is waited for while another process holds it. When all are taken, further waiters try
   * again and again instead.
   * @default 4
   */
  readonly maxConnections?: number;
  /**
   * How many locks this module may hold at once, claims of ticks included, at least 1: further ones are
   * refused with `LOCK_CAPACITY`. Locks of transactions do not count. By default it keeps out of the last
   * half of the server's lock table, which all clients need even to connect. Several instances that may all
   * hold that many need a lower limit.
   * @default half of `max_locks_per_transaction × (max_connections + max_prepared_transactions)`, as they are
   * when the lock connection opens
   */
  readonly maxLocks?: number;
  /**
   * How often a lock is handed on inside the process, without a round trip, before other processes have their
   * turn: 0 to 1_000_000.
   * @default 16, and more while they take less than a millisecond together
   */
  readonly maxLocalHandoffs?: number;
  /**
   * How often a quiet lock connection is checked, in milliseconds: 100 to 3_600_000.
   * @default 2_000
   */
  readonly heartbeatMs?: number;
  /**
   * After how long without a response the locks of a connection count as lost, in milliseconds: longer than
   * `heartbeatMs`, up to 3_600_000. The server frees the locks of a client that has vanished `heartbeatMs`
   * later than this.
   * @default 8_000
   */
  readonly lostAfterMs?: number;
  /**
   * After how long without a sign of life from this process the server ends its lock connection, in
   * milliseconds: longer than `lostAfterMs`. For processes that may freeze while they hold a lock (a
   * suspended machine, SIGSTOP): without this option they keep the lock while they are frozen. With it, an
   * event loop that is blocked for this long loses its locks. Needs Postgres 14, or a pooler.
   * @default none
   */
  readonly frozenAfterMs?: number;
  /**
   * Whether there is a pooler between the lock connection and the server: `'detect'` finds out, `'none'` says
   * that each connection has a backend of its own, `'transaction'` that it may get another backend in each
   * transaction. Through a pooler, locks are held inside one open transaction, which takes a connection of
   * the pooler while any lock is held.
   * @default 'detect'
   */
  readonly pooler?: PoolerOption;
  /**
   * How long running bodies may take to finish when the application shuts down, in milliseconds. Then they
   * lose their locks.
   * @default 10_000
   */
  readonly shutdownTimeoutMs?: number;
  /**
   * Whether the application refuses to start when `AdvisoryLockService.diagnose()` finds a problem. Otherwise
   * the problem is logged.
   * @default false
   */
  readonly failOnProblems?: boolean;
  /**
   * After how many ticks in a row that a job was left out in the whole fleet, as its lock is held for a
   * second or longer, a warning names the holder: 0 to 50. It warns again each time that the lock has been
   * held for twice as long. 0 never warns.
   * @default 3
   */
  readonly warnAfterTicks?: number;
  /**
   * Whether locks are reported to OpenTelemetry: `'auto'` when `@opentelemetry/api` is installed and an SDK
   * is registered by the time the application has started, `true` also when one is registered later (without
   * the package the application does not start), `false` never.
   * @default 'auto'
   */
  readonly telemetry?: boolean | 'auto';
  /**
   * The name of this instance where its locks are shown, such as the name of its pod: 1 to 40 visible ASCII
   * characters, no spaces. It is part of the `application_name` of the lock connection,
   * `nestjs-advisory-lock <instance>`, which Postgres cuts to 63 bytes: with the `name` of a module in
   * between, only the end of a long name is shown there.
   * @default the host and the process, `web-1:4711`
   */
  readonly instanceName?: string;
  /**
   * Whether this instance takes part when the fleet is asked about its locks (`fleetWithinMs`, the dashboard,
   * `why`): its lock connection listens on the channel `nestjs_advisory_lock`, responds with the names of its
   * locks and jobs, and can ask, too. Every client of the database can ask and read the responses. With
   * `false` it does not listen, so notifications of others never wake its connection.
   * @default true
   */
  readonly joinsFleet?: boolean;
  /**
   * Signs what the instances of the fleet ask, report and order, for a database to which strangers can
   * connect: questions without a signature get no response, reports without one are unconfirmed, and jobs are
   * not run or canceled by messages without one. All instances need the same, and the command line has it in
   * `ADVISORY_LOCK_FLEET_SECRET`. To replace it, give a list: the first one signs, and each of them is
   * accepted. Nothing is encrypted.
   * @default none: reports of sessions that have logged in as the same role are confirmed
   */
  readonly fleetSecret?: string | readonly string[];
}

/**
 * The options that the module needs before its factory runs.
 *
 * @example
 * ```ts
 * AdvisoryLockModule.forRootAsync({
 *   name: 'archive',
 *   isGlobal: false,
 *   useFactory: () => ({ dataSource: 'archive' }),
 * })
 * ```
 */
export interface AdvisoryLockModuleExtras {
  /**
   * The name of this module and its service, where there are several: see `InjectAdvisoryLock` and the
   * `connection` option of the decorators.
   * @default 'default'
   */
  readonly name?: string;
  /**
   * Whether the service can be injected everywhere without importing the module again.
   * @default true
   */
  readonly isGlobal?: boolean;
}

/**
 * The interface of a class for `forRootAsync({ useClass | useExisting })`.
 *
 * @example
 * ```ts
 * @Injectable()
 * class LockOptions implements AdvisoryLockOptionsFactory {
 *   createAdvisoryLockOptions(): AdvisoryLockModuleOptions {
 *     return { namespace: 'shop' };
 *   }
 * }
 * ```
 */
export interface AdvisoryLockOptionsFactory {
  /** Returns the options, or resolves to them. */
  createAdvisoryLockOptions(): AdvisoryLockModuleOptions | Promise<AdvisoryLockModuleOptions>;
}

const rules: OptionRules = {
  ...busyHttpRules,
  ...reentryRules,
  postgres: [
    (value) => (typeof value === 'string' && value !== '') || (typeof value === 'object' && value !== null),
    'a connection string, or the options of a client of node-postgres',
  ],
  dataSource: [
    (value) => ['string', 'symbol', 'function'].includes(typeof value),
    'the name of a data source, or an injection token',
  ],
  namespace: [(value) => typeof value === 'string' && value !== '', 'a string of at least one character'],
  ...keySchemeRules,
  connectionOptions: aConnection,
  maxConnections: wholeNumber(1, 100),
  maxLocks: wholeNumber(1, Number.MAX_SAFE_INTEGER),
  maxLocalHandoffs: wholeNumber(0, 1_000_000),
  heartbeatMs: wholeMs(100, 3_600_000),
  lostAfterMs: wholeMs(100, 3_600_000),
  frozenAfterMs: wholeMs(100, MAX_TIMER_MS),
  pooler: oneOf('detect', 'none', 'transaction'),
  shutdownTimeoutMs: wholeMs(0, MAX_TIMER_MS),
  failOnProblems: aBoolean,
  warnAfterTicks: wholeNumber(0, 50),
  telemetry: [(value) => typeof value === 'boolean' || value === 'auto', "true, false or 'auto'"],
  instanceName: [
    (value) => typeof value === 'string' && value.length <= MAX_INSTANCE_LENGTH && /^[!-~]+$/.test(value),
    `1 to ${MAX_INSTANCE_LENGTH} visible ASCII characters without spaces`,
  ],
  joinsFleet: aBoolean,
  fleetSecret: [
    (value) =>
      isSecret(value) || (Array.isArray(value) && value.length > 0 && value.every((each) => isSecret(each))),
    'a string that is not empty, or a list of such strings',
    'secret',
  ],
};

function isSecret(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

/** Refuses options that are unknown or invalid, and a factory that returned none. Returns the others. */
export function checkModuleOptions(options: AdvisoryLockModuleOptions): AdvisoryLockModuleOptions {
  if (typeof options !== 'object' || (options as object | null) === null) {
    throw new LockConfigurationError(
      `The options of AdvisoryLockModule must be an object, received ${describe(options)}. Let the factory ` +
        'of forRootAsync() return {} where it has no options.',
    );
  }
  const checked = checkOptions(options, rules, 'AdvisoryLockModule');
  checkSource(checked);
  checkTimes(checked);
  return { ...checked, ...checkConnectionOptions(checked, 'AdvisoryLockModule') };
}

function checkSource({ postgres, dataSource }: AdvisoryLockModuleOptions): void {
  if (postgres === undefined || dataSource === undefined) return;
  throw new LockConfigurationError(
    'AdvisoryLockModule must have one database, received both options `postgres` and `dataSource`. Leave ' +
      '`postgres` out where the application uses TypeORM, and `dataSource` where it does not. To go around ' +
      'a pooler there is `connectionOptions`.',
  );
}

/** Each of these times must be longer than the one before. */
function checkTimes(options: AdvisoryLockModuleOptions): void {
  const {
    heartbeatMs = DEFAULT_HEARTBEAT_TIMES.heartbeatMs,
    lostAfterMs = DEFAULT_HEARTBEAT_TIMES.lostAfterMs,
    frozenAfterMs = Infinity,
  } = options;
  if (lostAfterMs <= heartbeatMs) {
    throw new LockConfigurationError(
      'The option `lostAfterMs` of AdvisoryLockModule must be longer than `heartbeatMs` ' +
        `(${heartbeatMs}), received the number ${lostAfterMs}: a connection would be given up before it ` +
        'was checked. Four times as long is a good choice.',
    );
  }
  if (frozenAfterMs <= lostAfterMs) {
    throw new LockConfigurationError(
      'The option `frozenAfterMs` of AdvisoryLockModule must be longer than `lostAfterMs` ' +
        `(${lostAfterMs}), received the number ${frozenAfterMs}: the server would give the lock to others ` +
        'before this process gives it up.',
    );
  }
}
