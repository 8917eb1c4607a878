import { Logger } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';
import type { LockName } from '../engine/lock-key.js';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import type { LockedMethodDecorator } from './async-method.js';
import { hasExclusiveCron, markExclusiveCron } from './exclusive-cron.metadata.js';
import { lockMethod } from './lock-method.js';
import type { OnBusy } from './run-locked.js';

type CronOptions = NonNullable<Parameters<typeof Cron>[1]>;

/** The options of `@ExclusiveCron`: all of `@Cron`, and those of the lock. */
export type ExclusiveCronOptions = CronOptions & {
  /**
   * The lock's name. Name it where class names are minified, or where the job may move to another class.
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
 * @throws {@link LockConfigurationError} at decoration time, when the method has an `@ExclusiveCron` already: @nestjs/schedule
 * keeps one schedule a method and would drop the first without a word.
 * @example
 * ```ts
 * @ExclusiveCron('0 3 * * *', { timeZone: 'Europe/Berlin' })
 * async daily(): Promise<void> {}
 * ```
 */
export function ExclusiveCron(
  expression: Parameters<typeof Cron>[0],
  options: ExclusiveCronOptions = {},
): LockedMethodDecorator<[]> {
  const { lock, onBusy = 'skip', connection, ...cronOptions } = options;
  return (target, propertyKey, descriptor) => {
    const methodName = String(propertyKey);
    if (hasExclusiveCron(descriptor.value)) {
      throw new LockConfigurationError(
        `${target.constructor.name}.${methodName} has two @ExclusiveCron, but @nestjs/schedule keeps one schedule a method. ` +
          'Write one expression for both times, or a second method that calls the first.',
      );
    }
    lockMethod(target, propertyKey, descriptor, {
      connection,
      nameOf: (instance) => lock ?? `${classNameOf(instance, methodName)}.${methodName}`,
      onBusy: onBusy === 'skip' ? logSkip : onBusy,
      // The scheduler logs what a job throws as an error, and a timer that fires now is nothing unusual.
      onShutdown: (instance) => {
        logger.debug(`Skipped ${instance.constructor.name}.${methodName}: the application is shutting down`);
      },
      http: {},
    });
    markExclusiveCron(target, propertyKey, descriptor);
    Cron(expression, cronOptions)(target, propertyKey, descriptor);
  };
}

const logSkip: OnBusy = ({ instance, methodName, lockName }) => {
  logger.debug(`Skipped ${instance.constructor.name}.${methodName}: lock "${lockName}" is held elsewhere`);
};

/** Of the object, not of the class that declares the method: two subclasses are two jobs. */
function classNameOf(instance: object, methodName: string): string {
  const { name } = instance.constructor;
  if (name !== '') return name;
  throw new LockConfigurationError(
    `@ExclusiveCron on ${methodName} names its lock after the class, but the class has no name. Give it one, or set \`lock\`.`,
  );
}
