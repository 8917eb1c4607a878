import { DataSource } from 'typeorm';
import { AdvisoryLockService } from '../../lib/nest/advisory-lock.service.js';
import {
  applicationNameOf,
  defaultInstanceName,
  KeyBook,
  type KeyBookOptions,
  LockConnections,
  type LockConnectionsOptions,
  LockTable,
  type PostgresOptions,
  Transactions,
} from '../../lib/core/index.js';
import { Fleet } from '../../lib/fleet/fleet.js';

/** What a module is made of, without Nest: to the database, each is a process of its own. */
export interface Locks {
  readonly service: AdvisoryLockService;
  readonly table: LockTable;
  close(graceMs?: number): Promise<void>;
}

export interface LocksOptions extends KeyBookOptions, Omit<LockConnectionsOptions, 'applicationName'> {
  readonly maxLocalHandoffs?: number;
  readonly instanceName?: string;
  readonly joinsFleet?: boolean;
}

/** For a process in which there is no Jest that could close it; see `createLocks`. */
export function openLocks(
  options: string | PostgresOptions,
  locksOptions: LocksOptions = {},
  dataSource?: DataSource,
): Locks {
  const applicationOptions: PostgresOptions =
    typeof options === 'string' ? { type: 'postgres', url: options } : options;
  const { instanceName: instance = defaultInstanceName(), joinsFleet: isJoined } = locksOptions;
  const table = new LockTable(
    new LockConnections(() => applicationOptions, {
      ...locksOptions,
      applicationName: applicationNameOf(instance),
    }),
    locksOptions.maxLocalHandoffs,
  );
  const transactions = new Transactions(() => dataSource ?? new DataSource(applicationOptions));
  const keys = new KeyBook(locksOptions);
  const fleet = new Fleet(table, keys, { instance, isJoined });
  let closed: Promise<void> | undefined;
  return {
    service: new AdvisoryLockService(keys, table, {}, transactions, undefined, { fleet }),
    table,
    close: (graceMs = 0) => (closed ??= table.close(graceMs)),
  };
}
