import type { CanActivate, ModuleMetadata, Type } from '@nestjs/common';
import {
  aBoolean,
  aModuleName,
  checkOptions,
  LockConfigurationError,
  type OptionRules,
} from '../../core/index.js';

/**
 * The options of `AdvisoryLockDashboardModule.forRoot()`.
 *
 * @example
 * ```ts
 * AdvisoryLockDashboardModule.forRoot({ path: 'ops/locks', guards: [AdminGuard], imports: [AuthModule] })
 * ```
 */
export interface AdvisoryLockDashboardOptions {
  /**
   * The path of the page, below the global prefix of the application, without a version.
   * @default 'locks'
   */
  readonly path?: string;
  /**
   * Which users may see the page: guards as in `@UseGuards()`, for every route of the dashboard, in this
   * order.
   * @default none
   */
  readonly guards?: readonly (Type<CanActivate> | CanActivate)[];
  /**
   * Modules that export what the guards inject, where those modules are not global.
   * @default none
   */
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
  /**
   * Whether anyone who reaches the application may see the page. A dashboard without guards must set it to
   * `true`, or `forRoot()` throws. Global guards do not count, because the library cannot see what they let
   * through.
   * @default false
   */
  readonly public?: boolean;
  /**
   * Whether users of the page may also end the backend of a holder. The database may be shared: the holder
   * may be another application, and all locks of its backend are lost.
   * @default false
   */
  readonly allowTerminate?: boolean;
  /**
   * Whether everyone who reaches the application may end the backend of any holder. A dashboard with
   * `public: true` and `allowTerminate: true`, and without guards, must set it to `true`, or `forRoot()`
   * throws.
   * @default false
   */
  readonly everyoneMayTerminate?: boolean;
  /**
   * Whether users of the page may also pause and resume jobs, and run them now.
   * @default false
   */
  readonly allowControl?: boolean;
  /**
   * Whether everyone who reaches the application may pause, resume and run any job. A dashboard with
   * `public: true` and `allowControl: true`, and without guards, must set it to `true`, or `forRoot()`
   * throws.
   * @default false
   */
  readonly everyoneMayControl?: boolean;
  /**
   * The host names by which the page may be used to change something, without ports: requests with another
   * `Host` header are refused. It keeps out pages of other sites that make a browser inside the network send
   * requests to this application under a name of their own (DNS rebinding). Set it where the page is public
   * and has a host name.
   * @default without guards, `localhost` and IP addresses, which no other site can have; with guards, any
   */
  readonly allowedHosts?: readonly string[];
  /**
   * The `name` of the AdvisoryLockModule whose locks are shown.
   * @default the default module
   */
  readonly connection?: string;
}

const WHERE = 'AdvisoryLockDashboardModule';

const rules: OptionRules = {
  path: [isPath, "a path of letters, digits, '-', '_', '.' and '~', such as 'ops/locks'"],
  guards: [
    (value) => Array.isArray(value) && value.every(isGuard),
    'a list of guards: classes with a method canActivate(), or objects with one',
  ],
  imports: [Array.isArray, 'a list of modules'],
  public: aBoolean,
  allowTerminate: aBoolean,
  everyoneMayTerminate: aBoolean,
  allowControl: aBoolean,
  everyoneMayControl: aBoolean,
  allowedHosts: [
    (value) => Array.isArray(value) && value.every(isHostName),
    "a list of host names without ports, such as ['ops.example.com']",
  ],
  connection: aModuleName,
};

/** What a page may change, and what it means that everyone may. */
const CHANGES = [
  [
    'allowTerminate',
    'everyoneMayTerminate',
    'end the holder of any lock of the database, those of other applications included',
  ],
  ['allowControl', 'everyoneMayControl', 'pause and run any job'],
] as const;

/**
 * Refuses unknown and invalid options, a dashboard without guards that is not explicitly public, and one that
 * is public and lets everyone change something. Returns what was checked.
 */
export function checkDashboardOptions(options: AdvisoryLockDashboardOptions): AdvisoryLockDashboardOptions {
  const checked = checkOptions(options, rules, WHERE);
  const { guards = [], public: isPublic = false } = checked;
  if (guards.length > 0) return checked;
  if (!isPublic) {
    throw new LockConfigurationError(
      `${WHERE} must have guards or \`public: true\`, received neither. ` +
        'Without guards, anyone who reaches the application can see its locks. ' +
        'Name the guards that let its operators in (`guards: [AdminGuard]`). ' +
        'Global guards do not count, because the library cannot see what they let through.',
    );
  }
  for (const [allowed, everyoneMay, what] of CHANGES) {
    if (checked[allowed] !== true || checked[everyoneMay] === true) continue;
    throw new LockConfigurationError(
      `${WHERE} with \`${allowed}: true\` must have guards, received \`public: true\` without any: ` +
        `anyone who reaches the application could ${what}. Name the guards that let its operators in ` +
        `(\`guards: [AdminGuard]\`), or say \`${everyoneMay}: true\` where all who can reach it may do that.`,
    );
  }
  return checked;
}

/** Refuses parameters and wildcards, and the root, below which all other routes would be. */
function isPath(value: unknown): boolean {
  return typeof value === 'string' && /^\/?[\w.~-]+(\/[\w.~-]+)*\/?$/.test(value);
}

function isHostName(value: unknown): boolean {
  return typeof value === 'string' && /^[\w.-]+$/.test(value);
}

/** Nest 11.0 leaves out a guard without the method, and lets every request pass. */
function isGuard(value: unknown): boolean {
  const guard: unknown = typeof value === 'function' ? value.prototype : value;
  return typeof (guard as Partial<CanActivate> | null | undefined)?.canActivate === 'function';
}
