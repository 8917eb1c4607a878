import { type Checkup, type ConnectionSource, ownLockOf, type PoolerOption } from '../core/index.js';
import { type BackendServer, MemoryBackend } from './memory-backend.js';
import { MemoryLocks } from './memory-locks.js';

/** As many waits at a time as a test can have, so that all of them are in the queue of the server. */
const MAX_CONNECTIONS = 10_000;

const NEVER_LOST = {
  // Time in a test may be that of fake timers, and a server in memory does not go silent.
  heartbeatMs: Infinity,
  lostAfterMs: Infinity,
  frozenAfterMs: undefined,
  pooler: 'none' as PoolerOption,
};

/** The part of a server that locks need, in memory. */
export class MemoryServer implements BackendServer {
  readonly locks = new MemoryLocks();
  private readonly all = new Map<number, MemoryBackend>();
  private lastPid = 0;
  private lastTransactionId = 0n;

  get backends(): readonly MemoryBackend[] {
    return [...this.all.values()];
  }

  connect(applicationName: string): MemoryBackend {
    this.lastPid += 1;
    const backend = new MemoryBackend(this, this.lastPid, applicationName);
    this.all.set(backend.pid, backend);
    return backend;
  }

  /** Opens connections to it for one process. */
  connectionsOf(applicationName: string, maxConnections = MAX_CONNECTIONS): ConnectionSource {
    return {
      maxConnections,
      use: NEVER_LOST,
      open: () => Promise.resolve(this.connect(applicationName)),
      checkDatabase: () => undefined,
      isProven: () => true,
      close: () => Promise.resolve(),
    };
  }

  nextTransactionId(): bigint {
    this.lastTransactionId += 1n;
    return this.lastTransactionId;
  }

  forget(pid: number): void {
    this.all.delete(pid);
    this.locks.releaseAll(pid);
  }

  get checkup(): Omit<Checkup, 'server' | 'isPooled' | 'wantedSettings' | 'clock'> & { clockMs: number } {
    return {
      settings: {},
      isOverTcp: false,
      serverConnections: { open: this.all.size, allowed: MAX_CONNECTIONS },
      lockTable: { used: this.locks.rows.length, capacity: 0 },
      clockMs: Date.now(),
    };
  }

  inspect(ownPid: number, keys: string): object {
    const wanted = keys === '{}' ? undefined : keys.slice(1, -1).split(',');
    const rows = this.locks.rows.filter(({ key }) => wanted?.includes(ownLockOf(key)) !== false);
    return {
      database: 'memory',
      nowMs: Date.now(),
      ownPid,
      locks: rows.map(({ key: { classid, objid, objsubid }, mode, isGranted, pid, scope, blockedBy }) => [
        classid,
        objid,
        objsubid,
        mode === 'shared',
        isGranted,
        pid,
        scope === 'transaction',
        isGranted ? null : 0,
        isGranted ? [] : blockedBy,
      ]),
      backends: this.backends.map(({ pid, applicationName }) => ({
        pid,
        id: `${pid}@0`,
        user: null,
        applicationName,
        clientAddress: null,
        clientPort: null,
        state: null,
        startedMs: null,
        transactionMs: null,
        stateMs: null,
      })),
      members: [],
    };
  }
}
