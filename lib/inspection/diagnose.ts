import { type Checkup, LockConfigurationError, type LockRuntime, StandbyError } from '../core/index.js';
import type { Diagnosis, Problem } from './diagnosis.js';
import { shortKeysBesideBullMq } from './short-keys.js';

/** From this share on, the lock table and the server's connections count as nearly full. */
const NEARLY_FULL = 0.9;

/** Cron jobs of a fleet fire by the clocks of its machines, so those must not differ by more. */
const CLOCK_TOLERANCE_MS = 2_000;

/**
 * Checks the server through the lock connection. Never rejects: what cannot be checked is a problem itself.
 *
 * @param ofFleet - whether locks of other processes are looked at, too, as for a process without own ones.
 */
export async function diagnose(
  runtime: Pick<LockRuntime, 'server' | 'keys' | 'connectionCounts' | 'lockCounts' | 'pulse'>,
  ofFleet = false,
): Promise<Diagnosis> {
  let checkup: Checkup;
  try {
    checkup = await runtime.server.checkUp();
  } catch (error) {
    const problems = [problemOf(error)];
    return { isHealthy: false, problems, connections: runtime.connectionCounts };
  }
  const { server, isPooled, settings, serverConnections, lockTable, clock } = checkup;
  const locks = runtime.lockCounts;
  const shortKeys = await shortKeysBesideBullMq(runtime, ofFleet);
  const problems = [...problemsOf(checkup), ...nearlyAllLocks(locks), ...shortKeys];
  return {
    isHealthy: problems.length === 0,
    problems,
    server: {
      version: server.version,
      versionNumber: server.versionNumber,
      isInRecovery: server.isInRecovery,
      exclusion: runtime.server.isExclusionProven(server) ? 'proven' : 'assumed',
    },
    pooler: isPooled ? 'transaction' : 'none',
    settings,
    activity: runtime.pulse?.isIdle === false ? 'active' : 'idle',
    connections: {
      ...runtime.connectionCounts,
      serverOpen: serverConnections.open,
      serverAllowed: serverConnections.allowed,
    },
    locks,
    lockTable: { ...lockTable, free: Math.max(0, lockTable.capacity - lockTable.used) },
    clock,
  };
}

function problemOf(error: unknown): Problem {
  const { message, cause } = error as Error;
  if (error instanceof LockConfigurationError) return { code: 'NO_EXCLUSION', message };
  return { code: cause instanceof StandbyError ? 'STANDBY' : 'UNREACHABLE', message };
}

function problemsOf(checkup: Checkup): Problem[] {
  const { serverConnections, lockTable, clock } = checkup;
  const problems: Problem[] = wrongSettings(checkup).map((message) => ({ code: 'SETTING', message }));
  if (serverConnections.open >= serverConnections.allowed * NEARLY_FULL) {
    problems.push({
      code: 'SERVER_CONNECTIONS',
      message:
        `${serverConnections.open} of the ${serverConnections.allowed} connections of the server are ` +
        'taken. Soon no client can connect, and waiting for locks needs connections. ' +
        'Raise `max_connections`, or make the pools of the applications smaller.',
    });
  }
  // A server without these settings reports no size.
  if (lockTable.capacity > 0 && lockTable.used >= lockTable.capacity * NEARLY_FULL) {
    problems.push({
      code: 'LOCK_TABLE',
      message:
        `The lock table of the server holds ${lockTable.used} locks and has room for about ` +
        `${lockTable.capacity}. Hold fewer locks at once, or raise \`max_locks_per_transaction\`.`,
    });
  }
  if (Math.abs(clock.aheadMs) > CLOCK_TOLERANCE_MS + clock.uncertaintyMs) {
    problems.push({
      code: 'CLOCK',
      message:
        `The clock of the server is ${Math.abs(clock.aheadMs)} ms ` +
        `${clock.aheadMs > 0 ? 'ahead of' : 'behind'} the clock of this process. ` +
        'Synchronize both with a time server (NTP): ' +
        'cron jobs fire by the clocks of their machines.',
    });
  }
  return problems;
}

function nearlyAllLocks({ used, allowed = Infinity }: LockRuntime['lockCounts']): Problem[] {
  if (used < allowed * NEARLY_FULL) return [];
  return [
    {
      code: 'MAX_LOCKS',
      message:
        `This module holds ${used} of the ${allowed} locks that it may hold. Release locks that are no ` +
        'longer needed, or set `maxLocks` higher.',
    },
  ];
}

function wrongSettings({ settings, wantedSettings, isOverTcp }: Checkup): string[] {
  return Object.entries(wantedSettings).flatMap(([name, wanted]) => {
    const value = settings[name];
    // An old server that lacks a setting does not need it, and the tcp_ settings do nothing on a socket file.
    if (value === undefined || value === wanted || (name.startsWith('tcp_') && !isOverTcp)) return [];
    return [
      `The setting ${name} of the lock connection must be ${wanted}, received ${value}. ` +
        'A client that vanishes may keep its locks for longer. ' +
        'Some operating systems do not support the setting.',
    ];
  });
}
