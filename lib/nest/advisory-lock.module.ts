import { type DynamicModule, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import {
  type ASYNC_OPTIONS_TYPE,
  ConfigurableModuleClass,
  type OPTIONS_TYPE,
} from './advisory-lock.module-definition.js';

/**
 * Advisory locks on the Postgres of a TypeORM data source.
 *
 * The lock connection is opened when the first lock is asked for. At shutdown no new locks are taken, running bodies may
 * finish for `shutdownTimeoutMs`, and the connection is closed before TypeORM closes its own.
 *
 * @example
 * ```ts
 * @Module({
 *   imports: [
 *     TypeOrmModule.forRoot({ type: 'postgres', url: process.env.DATABASE_URL }),
 *     ScheduleModule.forRoot(),
 *     AdvisoryLockModule.forRoot(),
 *   ],
 * })
 * export class AppModule {}
 * ```
 */
@Module({ imports: [DiscoveryModule] })
export class AdvisoryLockModule extends ConfigurableModuleClass {
  /** Configures the module; see {@link AdvisoryLockModuleOptions}. */
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return super.forRoot(options);
  }

  /**
   * Configures the module by a factory, a class or an existing provider. `name` and `isGlobal` stand beside it.
   *
   * @example
   * ```ts
   * AdvisoryLockModule.forRootAsync({
   *   inject: [ConfigService],
   *   useFactory: (config: ConfigService) => ({ namespace: config.get('APP_NAME') }),
   * })
   * ```
   */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return super.forRootAsync(options);
  }
}
