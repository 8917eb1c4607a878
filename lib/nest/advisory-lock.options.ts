import type { InjectionToken } from '@nestjs/common';
import {
  aBoolean,
  anObject,
  type BusyHttpOptions,
  busyHttpRules,
  checkOptions,
  DEFAULT_HEARTBEAT_TIMES,
  describe,
  type KeyScheme,
  keySchemes,
  LockConfigurationError,
  type LockConnectionOptions,
  MAX_INSTANCE_LENGTH,
  MAX_TIMER_MS,
  oneOf,
  type OptionRules,
  type PoolerOption,
  wholeMs,
  wholeNumber,
} from '../core/index.js';

/** The options of `AdvisoryLockModule.forRoot` and of what the factory of `forRootAsync` answers. */
export interface AdvisoryLockModuleOptions extends BusyHttpOptions {
  /**
   * Which TypeORM data source tells the database: the `name` given to `TypeOrmModule.forRoot`, or an injection token.
   * @default the default data source of `TypeOrmModule`
   */
  readonly dataSource?: InjectionToken;
  /**
   * A prefix of all lock names, so that applications that share a database cannot meet by chance: with the namespace `shop`
   * the lock `import` is the lock `shop:import`. Keys given as numbers have no prefix.
   * @default none
   */
  readonly namespace?: string;
  /**
   * How names become keys: `sha256` (64 bits), `md5-31` (31 bits; to meet programs that use that recipe), or a function.
   * All programs that shall exclude each other need the same.
   * @default 'sha256'
   */
  readonly keyScheme?: KeyScheme;
  /**
   * What the lock connection has otherwise than the data source, such as a `url` that goes round a pooler.
   * @default none
   */
  readonly connectionOptions?: LockConnectionOptions;
  /**
   * How many connections this module may have: one for all locks that are not waited for, and one for each lock that is waited
   * for while another process holds it. When they are all taken, waiting goes on by trying again.
   * @default 4
   */
  readonly maxConnections?: number;
  /**
   * How often a lock is handed on inside the process, without a round trip, before other processes have their turn.
   * @default 16
   */
  readonly maxLocalHandoffs?: number;
  /**
   * How often a quiet lock connection is asked whether it is there, in milliseconds.
   * @default 2_000
   */
  readonly heartbeatMs?: number;
  /**
   * After how long without an answer the locks of a connection count as lost, in milliseconds; has to be longer than
   * `heartbeatMs`. The server is told to free the locks of a client that vanished `heartbeatMs` later than this.
   * @default 8_000
   */
  readonly lostAfterMs?: number;
  /**
   * After how long without a sign of life from this process the server ends its lock connection, in milliseconds; has to be longer
   * than `lostAfterMs`. For processes that may freeze while they hold a lock (a suspended machine, SIGSTOP): without it they keep the
   * lock for as long as they are frozen. With it an event loop that is blocked for so long loses its locks. Needs Postgres 14,
   * or a pooler.
   * @default none
   */
  readonly frozenAfterMs?: number;
  /**
   * Whether there is a pooler between the lock connection and the server: `'detect'` finds out, `'none'` says that each connection
   * has a backend of its own, `'transaction'` that it may get another one in each transaction. Through a pooler, locks are held
   * inside one open transaction, which takes a connection of the pooler for as long as any is held.
   * @default 'detect'
   */
  readonly pooler?: PoolerOption;
  /**
   * How long running bodies may finish when the application shuts down before their locks are taken from them, in
   * milliseconds.
   * @default 10_000
   */
  readonly shutdownTimeoutMs?: number;
  /**
   * Whether the application refuses to start when `AdvisoryLockService.diagnose()` finds a problem. Otherwise it is logged.
   * @default false
   */
  readonly failOnProblems?: boolean;
  /**
   * After how many ticks in a row that a job was left out in the whole fleet, as its lock is held for a second or longer, a warning names
   * the holder; then each time that it has been held for twice as long. 0 never warns.
   * @default 3
   */
  readonly warnAfterTicks?: number;
  /**
   * Whether OpenTelemetry is told of the locks: `'auto'` when `@opentelemetry/api` is installed and an SDK is registered by the time the
   * application has started, `true` also when one is registered later (without the package the application does not start), `false`
   * never.
   * @default 'auto'
   */
  readonly telemetry?: boolean | 'auto';
  /**
   * What this instance is called where its locks are shown, such as the name of its pod: 1 to 40 visible ASCII characters, no spaces.
   * It is part of the `application_name` of the lock connection, `nestjs-advisory-lock <instance>`, which Postgres cuts to 63 bytes:
   * with the `name` of a module in between, of a long one only the end is shown there.
   * @default the host and the process, `web-1:4711`
   */
  readonly instanceName?: string;
  /**
   * Whether this instance takes part when the fleet is asked who holds what (`fleetWithinMs`, the dashboard, `why`): its lock connection
   * listens on the channel `nestjs_advisory_lock`, answers with the names of its locks and jobs, and can ask itself. Everybody who can
   * connect to the database may ask and hear that. With `false` it does not listen, so notifications of others never wake its connection.
   * @default true
   */
  readonly joinsFleet?: boolean;
}

/** The options that the module has to know before its factory runs. */
export interface AdvisoryLockModuleExtras {
  /**
   * What the service of this module is called, where there are several: see `InjectAdvisoryLock` and the `connection` option
   * of the decorators.
   * @default 'default'
   */
  readonly name?: string;
  /**
   * Whether the service can be injected everywhere without importing the module again.
   * @default true
   */
  readonly isGlobal?: boolean;
}

/** What a class of `forRootAsync({ useClass | useExisting })` has to offer. */
export interface AdvisoryLockOptionsFactory {
  createAdvisoryLockOptions(): AdvisoryLockModuleOptions | Promise<AdvisoryLockModuleOptions>;
}

const rules: OptionRules = {
  ...busyHttpRules,
  dataSource: [
    (value) => ['string', 'symbol', 'function'].includes(typeof value),
    'the name of a data source, or an injection token',
  ],
  namespace: [(value) => typeof value === 'string' && value !== '', 'a string of at least one character'],
  keyScheme: [
    (value) => typeof value === 'function' || Object.hasOwn(keySchemes, value as string),
    `one of ${Object.keys(keySchemes).join(', ')}, or a function from a name to a key`,
  ],
  connectionOptions: anObject,
  maxConnections: wholeNumber(1, 100),
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
};

/** Refuses options that are unknown or of the wrong kind, and a factory that answered none. */
export function checkModuleOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null) {
    throw new LockConfigurationError(
      `The options of AdvisoryLockModule have to be an object, but ${describe(options)} came. Let the factory of forRootAsync() ` +
        'answer {} where nothing is to be said.',
    );
  }
  checkOptions(options, rules, 'AdvisoryLockModule');
  checkTimes(options);
}

/** Each of these has to outlast the one before. */
function checkTimes(options: AdvisoryLockModuleOptions): void {
  const {
    heartbeatMs = DEFAULT_HEARTBEAT_TIMES.heartbeatMs,
    lostAfterMs = DEFAULT_HEARTBEAT_TIMES.lostAfterMs,
    frozenAfterMs = Infinity,
  } = options;
  if (lostAfterMs <= heartbeatMs) {
    throw new LockConfigurationError(
      `The option \`lostAfterMs\` of AdvisoryLockModule (${lostAfterMs}) has to be longer than \`heartbeatMs\` (${heartbeatMs}): a ` +
        'connection would be given up before it was asked. Four times as long is a good choice.',
    );
  }
  if (frozenAfterMs <= lostAfterMs) {
    throw new LockConfigurationError(
      `The option \`frozenAfterMs\` of AdvisoryLockModule (${frozenAfterMs}) has to be longer than \`lostAfterMs\` (${lostAfterMs}): the ` +
        'server would give the lock to others before this process gives it up.',
    );
  }
}
