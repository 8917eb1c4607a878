import { beginningOf, isWholeNumber, printable } from '../core/index.js';
import type {
  InstanceReport,
  ReportedJob,
  ReportedKeptLock,
  ReportedLock,
  ReportedTick,
  ReportedWait,
} from './instance-report.js';

/** What a report may have at most; the rest is left out. An instance reports less. */
const MAX_BACKENDS = 200;
const MAX_LOCKS = 1_000;
const MAX_JOBS = 1_000;
const MAX_WAITS = 200;
const MAX_KEYS_OF_WAIT = 1_000;
const MAX_TICKS_OF_JOB = 60;
const MAX_CALLS = 1_000_000;

/** Longer texts are cut. A longer name of a lock can be no name, as instances cut names themselves. */
const MAX_TEXT_LENGTH = 500;

const KEY = /^(-?\d{1,19}|\(-?\d{1,10}, -?\d{1,10}\))$/;

const YEAR_MS = 366 * 86_400_000;
const MAX_UP_MS = 10 * YEAR_MS;

/** A job may have a date far in the future. */
const MAX_NEXT_MS = 1_000 * YEAR_MS;

/** How much clocks may differ, and how much a duration may be above the time that its instance is up. */
const SLACK_MS = 60_000;

export interface ReadReport {
  readonly report: InstanceReport;
  /** How many values and entries were left out: they were out of range, repeated, or too many. */
  readonly dropped: number;
}

/**
 * Reads a report of another backend, which may be any client of the database; `undefined` when it is not a
 * report. What is out of range in a report is left out, and so are properties that are not known: the other
 * instance may run another version. What is returned keeps no part of the text.
 *
 * @param nowMs - the moment, by the clock of this process.
 */
export function readReport(text: string, nowMs = Date.now()): ReadReport | undefined {
  try {
    const reader = new ReportReader(nowMs);
    const report = reader.read(JSON.parse(text));
    return { report, dropped: reader.dropped };
  } catch {
    return undefined;
  }
}

class NoReport extends Error {}

class ReportReader {
  dropped = 0;
  private upMs = 0;

  constructor(private readonly nowMs: number) {}

  read(value: unknown): InstanceReport {
    const { instance, backends, upMs, locks, waits, prefix, jobs } = objectOf(value);
    this.upMs = numberOf(upMs);
    if (!isWholeNumber(this.upMs, 0, MAX_UP_MS)) throw new NoReport();
    return {
      instance: textOf(instance),
      backends: backendsOf(backends),
      upMs: this.upMs,
      locks: this.entriesOf(locks, MAX_LOCKS, (each) => this.lockOf(each), lockId),
      ...(waits !== undefined && {
        waits: this.entriesOf(waits, MAX_WAITS, (each) => this.waitOf(each), waitId),
      }),
      ...(prefix !== undefined && { prefix: originOf(prefix, '') }),
      jobs: this.entriesOf(jobs, MAX_JOBS, (each) => this.jobOf(each), jobId),
    };
  }

  /** The entries of a list, each once and up to a number. */
  private entriesOf<T>(
    value: unknown,
    max: number,
    read: (each: unknown) => T | undefined,
    idOf: (entry: T) => string,
  ): T[] {
    if (!Array.isArray(value)) throw new NoReport();
    const entries = new Map<string, T>();
    for (const each of value.slice(0, max)) {
      const entry = read(each);
      if (entry !== undefined && !entries.has(idOf(entry))) entries.set(idOf(entry), entry);
    }
    this.dropped += value.length - entries.size;
    return [...entries.values()];
  }

  private lockOf(value: unknown): ReportedLock | undefined {
    const { key, name, heldMs, holdId, isClaim, waiters, waitedMs } = objectOf(value);
    const keyId = keyIdOf(key);
    if (keyId === undefined) return undefined;
    const maxMs = this.upMs + SLACK_MS;
    return {
      key: keyId,
      name: originOf(name, keyId),
      ...this.number('heldMs', heldMs, 0, maxMs),
      ...this.number('holdId', holdId, 1, Number.MAX_SAFE_INTEGER),
      ...(isClaim === true && { isClaim }),
      ...this.number('waiters', waiters, 1, MAX_CALLS),
      ...this.number('waitedMs', waitedMs, 0, maxMs),
    };
  }

  private waitOf(value: unknown): ReportedWait | undefined {
    const { id, keys, name, isShared, inside, requestedBy } = objectOf(value);
    const keyIds = this.entriesOf(keys, MAX_KEYS_OF_WAIT, keyIdOf, (keyId) => keyId);
    const [first] = keyIds;
    if (first === undefined) return undefined;
    return {
      id: textOf(id),
      keys: keyIds,
      name: originOf(name, first),
      ...(isShared === true && { isShared }),
      inside: this.entriesOf(inside, MAX_KEYS_OF_WAIT, keptLockOf, lockId),
      ...(requestedBy !== undefined && { requestedBy: textOf(requestedBy) }),
    };
  }

  private jobOf(value: unknown): ReportedJob {
    const { name, method, schedule, nextAtMs, ticks } = objectOf(value);
    return {
      name: textOf(name),
      method: textOf(method),
      ...(schedule !== undefined && { schedule: textOf(schedule) }),
      ...this.number('nextAtMs', nextAtMs, this.nowMs - YEAR_MS, this.nowMs + MAX_NEXT_MS),
      ticks: this.entriesOf(ticks, MAX_TICKS_OF_JOB, (each) => this.tickOf(each), tickId),
    };
  }

  private tickOf(value: unknown): ReportedTick | undefined {
    const { atMs, outcome, reason, lateMs, durationMs, error, trigger } = objectOf(value);
    if (!OUTCOMES.includes(outcome)) throw new NoReport();
    // A tick that was missed before the instance started may have been made up for by it.
    const dueMs = Math.round(numberOf(atMs));
    if (!isWholeNumber(dueMs, this.nowMs - this.upMs - YEAR_MS, this.nowMs + SLACK_MS)) return undefined;
    return {
      atMs: dueMs,
      outcome: outcome as ReportedTick['outcome'],
      ...(reason !== undefined && { reason: textOf(reason) as NonNullable<ReportedTick['reason']> }),
      ...(trigger === 'manual' && { trigger }),
      ...this.number('lateMs', lateMs, -SLACK_MS, YEAR_MS),
      ...this.number('durationMs', durationMs, 0, this.upMs + SLACK_MS),
      ...(error !== undefined && { error: textOf(error) }),
    };
  }

  /** An optional number, which is left out where it is out of range. */
  private number<K extends string>(name: K, value: unknown, min: number, max: number): { [P in K]?: number } {
    if (value === undefined) return {};
    // Earlier versions report fractions of milliseconds.
    const whole = Math.round(numberOf(value));
    if (isWholeNumber(whole, min, max)) return { [name]: whole } as { [P in K]?: number };
    this.dropped += 1;
    return {};
  }
}

const OUTCOMES: readonly unknown[] = ['running', 'ran', 'failed', 'skipped'];

const lockId = ({ key }: ReportedKeptLock): string => key;
const waitId = ({ id }: ReportedWait): string => id;
const jobId = ({ name, method }: ReportedJob): string => `${method}\0${name}`;
const tickId = ({ atMs, trigger }: ReportedTick): string => `${atMs} ${trigger ?? ''}`;

function backendsOf(value: unknown): number[] {
  if (!Array.isArray(value) || value.length > MAX_BACKENDS) throw new NoReport();
  if (!value.every((pid) => isWholeNumber(pid, 1, 2 ** 31 - 1))) throw new NoReport();
  return [...new Set(value)];
}

function keptLockOf(value: unknown): ReportedKeptLock | undefined {
  const { key, name, isShared } = objectOf(value);
  const keyId = keyIdOf(key);
  if (keyId === undefined) return undefined;
  return { key: keyId, name: originOf(name, keyId), ...(isShared === true && { isShared }) };
}

/** `undefined` for what can be no key. */
function keyIdOf(value: unknown): string | undefined {
  const keyId = rawTextOf(value);
  return KEY.test(keyId) ? keyId : undefined;
}

/**
 * What is said to be the name of a key, as it is: it is shown only where the key proves it, and control
 * characters are a part of a name.
 */
function originOf(value: unknown, keyId: string): string {
  const origin = rawTextOf(value);
  return origin.length <= MAX_TEXT_LENGTH ? origin : keyId;
}

function objectOf(value: unknown): Partial<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw new NoReport();
  return value;
}

function rawTextOf(value: unknown): string {
  if (typeof value !== 'string') throw new NoReport();
  return value;
}

/** A text that is safe to print; a copy where it is cut, as a part of a string keeps the whole of it. */
function textOf(value: unknown): string {
  const text = rawTextOf(value);
  return printable(text.length > MAX_TEXT_LENGTH ? beginningOf(text, MAX_TEXT_LENGTH) : text);
}

function numberOf(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new NoReport();
  return value;
}
