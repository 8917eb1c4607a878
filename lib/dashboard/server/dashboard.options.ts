import type { CanActivate, ModuleMetadata, Type } from '@nestjs/common';
import { checkOptions, describe, LockConfigurationError, type OptionRules } from '../../core/index.js';

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
   * Whether users of the page may also end the backend of a holder.
   * @default false
   */
  readonly allowTerminate?: boolean;
  /**
   * The `name` of the AdvisoryLockModule whose locks are shown.
   * @default the default module
   */
  readonly connection?: string;
}

const WHERE = 'AdvisoryLockDashboardModule';

const isBoolean = (value: unknown): boolean => typeof value === 'boolean';

const rules: OptionRules = {
  path: [isPath, "a path of letters, digits, '-', '_', '.' and '~', such as 'ops/locks'"],
  guards: [
    (value) => Array.isArray(value) && value.every(isGuard),
    'a list of guards: classes, or objects with canActivate()',
  ],
  imports: [Array.isArray, 'a list of modules'],
  public: [isBoolean, 'a boolean'],
  allowTerminate: [isBoolean, 'a boolean'],
  connection: [(value) => typeof value === 'string' && value !== '', 'the name of a configured module'],
};

/** Refuses unknown and invalid options, and a dashboard without guards that is not explicitly public. */
export function checkDashboardOptions(options: unknown): asserts options is AdvisoryLockDashboardOptions {
  if (typeof options !== 'object' || options === null) {
    throw new LockConfigurationError(
      `The options of ${WHERE} must be an object, received ${describe(options)}.`,
    );
  }
  checkOptions(options, rules, WHERE);
  const { guards = [], public: isPublic = false } = options as AdvisoryLockDashboardOptions;
  if (guards.length > 0 || isPublic) return;
  throw new LockConfigurationError(
    `${WHERE} must have guards or \`public: true\`, received neither. ` +
      'Without guards, anyone who reaches the application can see its locks. ' +
      'Name the guards that let its operators in (`guards: [AdminGuard]`). ' +
      'Global guards do not count, because the library cannot see what they let through.',
  );
}

/** Refuses parameters and wildcards, and the root, below which all other routes would be. */
function isPath(value: unknown): boolean {
  return typeof value === 'string' && /^\/?[\w.~-]+(\/[\w.~-]+)*\/?$/.test(value);
}

function isGuard(value: unknown): boolean {
  // An arrow function, such as a middleware, has no prototype, so it cannot be a class.
  if (typeof value === 'function') return value.prototype !== undefined;
  return typeof (value as Partial<CanActivate> | null)?.canActivate === 'function';
}
