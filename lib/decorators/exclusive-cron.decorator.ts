import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';
import { getAdvisoryLockToken } from '../advisory-lock.tokens.js';
import type { LockName } from '../engine/lock-key.js';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import type { LockedJobDecorator } from './async-method.js';
import { checkDecoratorOptions } from './decorator-options.js';
import { jobLockName, noteExclusiveCron } from './exclusive-cron.metadata.js';
import { lockMethod } from './lock-method.js';
import type { OnBusy } from './run-locked.js';

type CronOptions = NonNullable<Parameters<typeof Cron>[1]>;

/** The options of `@ExclusiveCron`: all of `@Cron`, and those of the lock. */
export type ExclusiveCronOptions = CronOptions & {
  /**
   * The lock's name. Name it where class names are minified or made at run time (`mixin()`), and where the job may move to
   * another class: instances with different names do not exclude each other.
   * @default 'Class.method', of the class of the object
   */
  readonly lock?: LockName;
  /**
   * What happens in the instances that find the lock held.
   * @default 'skip'
   */
  readonly onBusy?: OnBusy;
  /**
   * Which configured module, by its `name`.
   * @default the default module
   */
  readonly connection?: string;
};

const logger = new Logger('AdvisoryLock');

/**
 * `@Cron` of @nestjs/schedule, and a lock: of the instances of a fleet whose timers fire, the one that gets the lock runs the
 * job, and the others skip it with a line at debug level. With the database away, nobody runs it.
 *
 * The lock is held while the job runs. A job that is over before another instance's clock reaches the tick can run there again.
 *
 * @param expression - as for `@Cron`: a cron expression, a `Date`, a Luxon `DateTime`.
 * @throws {@link LockConfigurationError} at decoration time, when the method has a schedule already: @nestjs/schedule keeps one
 * a method and would drop the first without a word.
 * @example
 * ```ts
 * @ExclusiveCron('0 3 * * *', { timeZone: 'Europe/Berlin' })
 * async daily(): Promise<void> {}
 * ```
 */
export function ExclusiveCron(
  expression: Parameters<typeof Cron>[0],
  options: ExclusiveCronOptions = {},
): LockedJobDecorator {
  const { lock, onBusy = 'skip', connection, ...cronOptions } = options;
  checkDecoratorOptions('@ExclusiveCron', { lock, onBusy, connection });
  const schedule = scheduleMetadata(expression, cronOptions);
  const decorate = (
    target: object,
    propertyKey: string | symbol,
    descriptor: PropertyDescriptor | undefined,
  ): void => {
    const methodName = String(propertyKey);
    refuseSecondSchedule(schedule, descriptor?.value, `${target.constructor.name}.${methodName}`);
    const method = lockMethod(target, propertyKey, descriptor, {
      connection,
      nameOf: (instance) => jobLockName(instance, methodName, lock),
      onBusy: onBusy === 'skip' ? logSkip : onBusy,
      // The scheduler logs what a job throws as an error, and a timer that fires now is nothing unusual.
      onShutdown: (instance) => {
        logger.debug(`Skipped ${instance.constructor.name}.${methodName}: the application is shutting down`);
      },
      lockOptions: {},
    });
    for (const [key, value] of schedule) Reflect.defineMetadata(key, value, method);
    noteExclusiveCron(target, propertyKey, method, {
      slot: getAdvisoryLockToken(connection),
      lock,
      schedule,
    });
  };
  return decorate;
}

const logSkip: OnBusy = ({ instance, methodName, lockName }) => {
  logger.debug(`Skipped ${instance.constructor.name}.${methodName}: lock "${lockName}" is held elsewhere`);
};

/** What `@Cron` notes on a method, by asking it, as its keys are no public API. */
function scheduleMetadata(
  expression: Parameters<typeof Cron>[0],
  options: CronOptions,
): ReadonlyMap<unknown, unknown> {
  const probe = (): void => undefined;
  Cron(expression, options)({}, 'probe', { value: probe });
  const keys: unknown[] = Reflect.getMetadataKeys(probe);
  return new Map(keys.map((key) => [key, Reflect.getMetadata(key, probe) as unknown]));
}

function refuseSecondSchedule(schedule: ReadonlyMap<unknown, unknown>, method: unknown, where: string): void {
  if (typeof method !== 'function') return;
  if (![...schedule.keys()].some((key) => Reflect.hasMetadata(key, method))) return;
  throw new LockConfigurationError(
    `${where} has another schedule already (@ExclusiveCron, @Cron, @Interval or @Timeout), but @nestjs/schedule keeps one a ` +
      'method. Write one expression for both times, or a second method that calls the first.',
  );
}
