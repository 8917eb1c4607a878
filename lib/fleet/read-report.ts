import type {
  InstanceReport,
  ReportedJob,
  ReportedKeptLock,
  ReportedLock,
  ReportedTick,
  ReportedWait,
} from './instance-report.js';

const MAX_BACKENDS = 200;
const MAX_ENTRIES = 2_000;
const MAX_TEXT_LENGTH = 2_000;

/**
 * Reads a report of another backend, which may be any client of the database; `undefined` when it is not a
 * report. Properties that it does not know are left out: the other instance may run another version.
 */
export function readReport(text: string): InstanceReport | undefined {
  try {
    return reportOf(JSON.parse(text));
  } catch {
    return undefined;
  }
}

class NoReport extends Error {}

function reportOf(value: unknown): InstanceReport {
  const { instance, backends, upMs, locks, waits, jobs } = objectOf(value);
  return {
    instance: textOf(instance),
    backends: listOf(backends, MAX_BACKENDS).map(numberOf),
    upMs: numberOf(upMs),
    locks: listOf(locks).map(lockOf),
    ...optional('waits', waits, (list) => listOf(list).map(waitOf)),
    jobs: listOf(jobs).map(jobOf),
  };
}

function lockOf(value: unknown): ReportedLock {
  const { key, name, heldMs, holdId, isClaim, waiters, waitedMs } = objectOf(value);
  return {
    key: textOf(key),
    name: textOf(name),
    ...optional('heldMs', heldMs, numberOf),
    ...optional('holdId', holdId, numberOf),
    ...(isClaim === true && { isClaim }),
    ...optional('waiters', waiters, numberOf),
    ...optional('waitedMs', waitedMs, numberOf),
  };
}

function waitOf(value: unknown): ReportedWait {
  const { id, keys, name, isShared, inside, requestedBy } = objectOf(value);
  return {
    id: textOf(id),
    keys: listOf(keys).map(textOf),
    name: textOf(name),
    ...(isShared === true && { isShared }),
    inside: listOf(inside).map(keptLockOf),
    ...optional('requestedBy', requestedBy, textOf),
  };
}

function keptLockOf(value: unknown): ReportedKeptLock {
  const { key, name, isShared } = objectOf(value);
  return { key: textOf(key), name: textOf(name), ...(isShared === true && { isShared }) };
}

function jobOf(value: unknown): ReportedJob {
  const { name, method, schedule, ticks } = objectOf(value);
  return {
    name: textOf(name),
    method: textOf(method),
    ...optional('schedule', schedule, textOf),
    ticks: listOf(ticks).map(tickOf),
  };
}

const OUTCOMES: readonly unknown[] = ['running', 'ran', 'failed', 'skipped'];

function tickOf(value: unknown): ReportedTick {
  const { atMs, outcome, reason, lateMs, durationMs, error, trigger } = objectOf(value);
  if (!OUTCOMES.includes(outcome)) throw new NoReport();
  return {
    atMs: numberOf(atMs),
    outcome: outcome as ReportedTick['outcome'],
    ...(optional('reason', reason, textOf) as Pick<ReportedTick, 'reason'>),
    ...(trigger === 'manual' && { trigger }),
    ...optional('lateMs', lateMs, numberOf),
    ...optional('durationMs', durationMs, numberOf),
    ...optional('error', error, textOf),
  };
}

function objectOf(value: unknown): Partial<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw new NoReport();
  return value;
}

function listOf(value: unknown, max = MAX_ENTRIES): unknown[] {
  if (!Array.isArray(value) || value.length > max) throw new NoReport();
  return value;
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new NoReport();
  return value.slice(0, MAX_TEXT_LENGTH);
}

function numberOf(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new NoReport();
  return value;
}

function optional<K extends string, V>(
  name: K,
  value: unknown,
  read: (value: unknown) => V,
): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [name]: read(value) } as Record<K, V>);
}
