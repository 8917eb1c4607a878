import { type DynamicModule, Inject, Module } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { type FeatureHost, getFeaturesToken } from '../../nest/features.js';
import { Dashboard } from './dashboard.js';
import { dashboardController } from './dashboard.controller.js';
import { type AdvisoryLockDashboardOptions, checkDashboardOptions } from './dashboard.options.js';
import { allowedHostsOf } from './request-origin.js';
import { readPageFiles } from './page-files.js';
import { registerPathsBelow } from './paths-below.js';

const DEFAULT_PATH = 'locks';

/**
 * A page that shows live which instances of the fleet hold which locks, the wait graph, the outcomes of the
 * cron jobs, and whether the locks can be relied on. Any instance can serve it. It asks the database and the
 * other instances only while the page is open.
 *
 * @example
 * ```ts
 * @Module({
 *   imports: [
 *     AdvisoryLockModule.forRoot(),
 *     AdvisoryLockDashboardModule.forRoot({
 *       path: 'ops/locks',
 *       guards: [AdminGuard],
 *       imports: [AuthModule],
 *     }),
 *   ],
 * })
 * export class AppModule {}
 * ```
 */
@Module({})
export class AdvisoryLockDashboardModule {
  private endRegistering: (() => void) | undefined;

  /** @internal */
  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  /** Nest calls it before it registers routes. @internal */
  configure(): void {
    this.endRegistering = registerPathsBelow(this.host.httpAdapter);
  }

  /** Nest calls it when it has registered all routes. @internal */
  onModuleInit(): void {
    this.endRegistering?.();
  }

  /**
   * Makes the module of a dashboard; an application may have several.
   *
   * @throws `LockConfigurationError` (`LOCK_CONFIGURATION`) when it has neither guards nor `public: true`,
   * when everyone could end holders without `everyoneMayTerminate: true`, or pause and run jobs without
   * `everyoneMayControl: true`, for options that are unknown or
   * invalid, and when the files of the page are missing from the package.
   *
   * @example
   * ```ts
   * AdvisoryLockDashboardModule.forRoot({ guards: [AdminGuard], allowTerminate: true })
   * ```
   */
  static forRoot(options: AdvisoryLockDashboardOptions): DynamicModule {
    const checked = checkDashboardOptions(options);
    const { path = DEFAULT_PATH, guards = [], imports = [], connection } = checked;
    const { allowTerminate = false, allowControl = false } = checked;
    return {
      module: AdvisoryLockDashboardModule,
      imports: [...imports],
      controllers: [dashboardController(path, guards, readPageFiles(), allowedHostsOf(checked))],
      providers: [
        {
          provide: Dashboard,
          inject: [getFeaturesToken(connection)],
          useFactory: (host: FeatureHost) => new Dashboard(host, allowTerminate, allowControl),
        },
      ],
    };
  }
}
