import type { DataSource } from 'typeorm';
import type { LockLog } from '../options/lock-log.js';

/** After how long a wait is looked at, in milliseconds. */
const LOOK_AFTER_MS = 1_000;

/** The shortest pause between two warnings, in milliseconds. */
const WARN_EVERY_MS = 60_000;

/** The pool of node-postgres, which TypeORM keeps in its driver. */
interface PgPool {
  readonly options?: { readonly max?: number };
  /** How many callers wait for a connection. */
  readonly waitingCount?: number;
}

/**
 * Warns when waits for locks have taken every connection of the application's pool while other callers wait
 * for one. If the holder of such a lock is among these callers, none of the waits can end. Which caller needs
 * a connection for what is not known, so it is a warning and no error.
 */
export class PoolMonitor {
  private readonly waits = new Map<DataSource, string[]>();
  private warnedAt = -Infinity;

  constructor(private readonly log: LockLog) {}

  /** Call it when a transaction of the data source begins to wait; the result, when it waits no more. */
  begin(dataSource: DataSource, lockName: string): () => void {
    const names = this.waits.get(dataSource) ?? [];
    this.waits.set(dataSource, names);
    names.push(lockName);
    const timer = setInterval(() => {
      this.look(dataSource, names);
    }, LOOK_AFTER_MS).unref();
    return () => {
      clearInterval(timer);
      names.splice(names.indexOf(lockName), 1);
    };
  }

  private look(dataSource: DataSource, names: readonly string[]): void {
    const { options, waitingCount = 0 } = (dataSource.driver as { master?: PgPool }).master ?? {};
    const max = options?.max;
    if (max === undefined || names.length < max || waitingCount === 0) return;
    if (performance.now() < this.warnedAt + WARN_EVERY_MS) return;
    this.warnedAt = performance.now();
    const shown = [...new Set(names)].slice(0, 3).map((name) => `"${name}"`);
    this.log.warn(
      `All ${max} connections of the application's pool wait for locks of transactions ` +
        `(${shown.join(', ')}), and ${waitingCount} more callers wait for a connection. If the holder of ` +
        'such a lock is one of them, none of these waits can end. Let holders use only the connection that ' +
        'they have, give the waits an end (`waitMs`), or take a session lock around the transaction, which ' +
        'waits without a connection of the pool.',
    );
  }
}
