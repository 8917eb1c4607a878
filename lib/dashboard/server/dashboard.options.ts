import type { CanActivate, ModuleMetadata, Type } from '@nestjs/common';
import { checkOptions, describe, LockConfigurationError, type OptionRules } from '../../core/index.js';

/** The options of `AdvisoryLockDashboardModule.forRoot`. */
export interface AdvisoryLockDashboardOptions {
  /**
   * Where the page is, below the global prefix of the application and outside of its versions.
   * @default 'locks'
   */
  readonly path?: string;
  /** Who may see it: guards as in `@UseGuards()`, for every route of the dashboard, in this order. */
  readonly guards?: readonly (Type<CanActivate> | CanActivate)[];
  /** Modules that export what the guards inject, where those are not global. */
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
  /**
   * Whether anybody who reaches the application may see it. Without guards the dashboard refuses to start otherwise. Global guards do not
   * count, as nobody can tell what they let through.
   * @default false
   */
  readonly public?: boolean;
  /**
   * Whether who sees it may also end the backend of a holder.
   * @default false
   */
  readonly allowTerminate?: boolean;
  /**
   * Which configured module's locks are shown, by its `name`.
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

/** Refuses options that are unknown or of the wrong kind, and a dashboard that everybody could see without anybody having said so. */
export function checkDashboardOptions(options: unknown): asserts options is AdvisoryLockDashboardOptions {
  if (typeof options !== 'object' || options === null) {
    throw new LockConfigurationError(
      `The options of ${WHERE} have to be an object, but ${describe(options)} came.`,
    );
  }
  checkOptions(options, rules, WHERE);
  const { guards = [], public: isPublic = false } = options as AdvisoryLockDashboardOptions;
  if (guards.length > 0 || isPublic) return;
  throw new LockConfigurationError(
    `${WHERE} has no guards, so everybody who reaches the application could see its locks. Name those that let its operators in ` +
      '(`guards: [AdminGuard]`; global guards do not count, as nobody can tell what they let through), or say `public: true`.',
  );
}

/** Parameters and wildcards are no places, and of the root all other routes would be below. */
function isPath(value: unknown): boolean {
  return typeof value === 'string' && /^\/?[\w.~-]+(\/[\w.~-]+)*\/?$/.test(value);
}

function isGuard(value: unknown): boolean {
  // An arrow function, such as a middleware, has no prototype and can be no class.
  if (typeof value === 'function') return value.prototype !== undefined;
  return typeof (value as Partial<CanActivate> | null)?.canActivate === 'function';
}
