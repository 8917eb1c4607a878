import type { BeforeApplicationShutdown, OnApplicationBootstrap, OnModuleInit } from '@nestjs/common';
import { DEFAULT_NAME, LockConfigurationError, type LockEngine, type LockLog } from '../core/index.js';
import { describeDiagnosis, POOLER_NOTICE } from '../inspection/describe-diagnosis.js';
import { diagnose } from '../inspection/diagnose.js';
import { knownToolsOf } from '../inspection/known-tools.js';
import type { RunRecords } from '../jobs/records/run-records.js';
import type { Leases } from '../lease/leases.js';

/** Some tools make their keys of the name of the database. */
const CURRENT_DATABASE = { text: 'SELECT pg_catalog.current_database()' };

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
    private readonly leases: Leases,
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
    if (diagnosis.server !== undefined) await this.warnOfKnownTools();
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

  /** Warns of names in decorators that have a key of another tool, which would exclude that tool. */
  private async warnOfKnownTools(): Promise<void> {
    const { pinnedKeys } = this.engine.keys;
    if (pinnedKeys.length === 0) return;
    const database = await this.engine.server.query(CURRENT_DATABASE).catch(() => []);
    const toolOf = knownToolsOf(database[0] ?? undefined);
    for (const { name, id } of pinnedKeys) {
      const tool = toolOf(id);
      if (tool === undefined) continue;
      this.logger.warn(
        `The lock "${name}" has the key ${id}, which ${tool} uses, too: each would wait for the other. ` +
          'Give the lock another name.',
      );
    }
  }

  /**
   * Before TypeORM closes its pool in `onApplicationShutdown`, as the bodies that finish now still need the
   * pool.
   */
  async beforeApplicationShutdown(): Promise<void> {
    const { shutdownTimeoutMs = DEFAULT_SHUTDOWN_TIMEOUT_MS } = this.options;
    await Promise.all([this.engine.close(shutdownTimeoutMs), this.leases.close(shutdownTimeoutMs)]);
    // The jobs that have finished meanwhile have recorded that.
    await this.records?.close();
  }
}
