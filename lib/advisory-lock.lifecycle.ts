import { type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { LockConnections } from './engine/lock-connections.js';
import type { LockTable } from './engine/lock-table.js';
import type { Transactions } from './engine/transactions.js';

const DEFAULT_SHUTDOWN_TIMEOUT_MS = 10_000;

/** Ties one configured module's locks to the life of the application. */
export class AdvisoryLockLifecycle implements OnModuleInit, BeforeApplicationShutdown {
  constructor(
    private readonly table: LockTable,
    private readonly connections: LockConnections,
    private readonly transactions: Transactions,
    private readonly shutdownTimeoutMs: number = DEFAULT_SHUTDOWN_TIMEOUT_MS,
  ) {}

  /** A missing data source, or one that is not Postgres, stops the bootstrap rather than the first lock. */
  onModuleInit(): void {
    this.connections.checkDataSource();
  }

  /** Before TypeORM closes its pool in `onApplicationShutdown`, as bodies that finish now still need it. */
  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([
      this.table.close(this.shutdownTimeoutMs),
      this.transactions.close(this.shutdownTimeoutMs),
    ]);
  }
}
