import type { BeforeApplicationShutdown, OnApplicationBootstrap, OnModuleInit } from '@nestjs/common';
import { DEFAULT_NAME, LockConfigurationError, type LockEngine, type LockLog } from '../core/index.js';
import { describeDiagnosis, POOLER_NOTICE } from '../inspection/describe-diagnosis.js';
import { diagnose } from '../inspection/diagnose.js';
import type { RunRecords } from '../jobs/records/run-records.js';

const DEFAULT_SHUTDOWN_TIMEOUT_MS = 10_000;

/** The options of the module that the lifecycle uses. */
export interface LifecycleOptions {
  readonly shutdownTimeoutMs?: number;
  readonly failOnProblems?: boolean;
  readonly dataSource?: unknown;
  readonly postgres?: unknown;
}

/** Ties the locks of one configured module to the life of the application. */
export class AdvisoryLockLifecycle
  implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown
{
  private readonly logger: LockLog;

  constructor(
    private readonly engine: LockEngine,
    private readonly options: LifecycleOptions,
    private readonly name: string,
    private readonly records?: Pick<RunRecords, 'close'>,
  ) {
    this.logger = engine.createLog('AdvisoryLockModule');
  }

  /** A missing data source, or one that is not Postgres, stops the bootstrap rather than the first lock. */
  onModuleInit(): void {
    this.engine.checkDatabase();
    const { dataSource, postgres } = this.options;
    if (this.name === DEFAULT_NAME || dataSource !== undefined || postgres !== undefined) return;
    this.logger.log('Uses the default data source, as the option `dataSource` is not set');
  }

  /** Opens the lock connection, and logs what the locks rest on before the application uses them. */
  async onApplicationBootstrap(): Promise<void> {
    const diagnosis = await diagnose(this.engine);
    // Closed while it starts, as by a hot reload: then a failed diagnosis is no problem of the server.
    if (this.engine.isClosed) return;
    this.logger.log(describeDiagnosis(diagnosis));
    if (diagnosis.pooler === 'transaction') this.logger.warn(POOLER_NOTICE);
    if (diagnosis.isHealthy) return;
    const messages = diagnosis.problems.map(({ message }) => message);
    if (this.options.failOnProblems === true) {
      throw new LockConfigurationError(
        'The application does not start, as `failOnProblems` is true and the locks have problems: ' +
          messages.join(' '),
      );
    }
    for (const message of messages) this.logger.warn(message);
    this.logger.warn(`In full: ${JSON.stringify(diagnosis)}`);
  }

  /**
   * Before TypeORM closes its pool in `onApplicationShutdown`, as the bodies that finish now still need the
   * pool.
   */
  async beforeApplicationShutdown(): Promise<void> {
    const { shutdownTimeoutMs = DEFAULT_SHUTDOWN_TIMEOUT_MS } = this.options;
    await this.engine.close(shutdownTimeoutMs);
    // The jobs that have finished meanwhile have recorded that.
    await this.records?.close();
  }
}
