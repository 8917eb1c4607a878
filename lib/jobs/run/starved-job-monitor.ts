import { Logger } from '@nestjs/common';
import { type LockKey, type LockLog, RecentMap } from '../../core/index.js';
import { type HeldFor, heldFor } from '../../inspection/held-for.js';
import type { Fleet } from '../../fleet/fleet.js';
import { formatDuration } from '../../inspection/format-duration.js';
import { holderLabelWithPid } from '../../inspection/holder-label.js';
import type { InspectedLock } from '../../inspection/inspected-lock.js';
import type { Scheduler } from '../schedule/scheduler.js';
import type { JobTimes } from '../schedule/job-times.js';
import type { JobName } from './job-name.js';
import type { TickLog } from './tick-log.js';

/** How long to wait for the reports of the fleet, in milliseconds. */
const REPORT_WITHIN_MS = 1_000;

/**
 * A lock that is held for less, in milliseconds, is no reason to warn, however many ticks a job has
 * meanwhile.
 */
const MIN_HELD_MS = 1_000;

/** At most this many ticks are counted. */
const MAX_TICKS = 100;

/** The locks to remember: an application may make jobs at run time without end. */
const MAX_REMEMBERED_LOCKS = 1_000;

interface Watched {
  /** There is nothing to warn of before this tick. */
  checkFromMs: number;
  /** The holder in the last warning. */
  holder: string;
  /** For how long it had held the lock then, in milliseconds. */
  warnedMs: number;
}

/**
 * Warns of jobs that do not run in any instance, as their lock is held for longer than several ticks. No one
 * else had the lock meanwhile, so every tick since the lock was taken was left out in the whole fleet.
 */
export class StarvedJobMonitor {
  private readonly watched = new RecentMap<string, Watched>(MAX_REMEMBERED_LOCKS);

  constructor(
    private readonly fleet: Fleet,
    private readonly ticks: TickLog,
    private readonly findSchedulers: () => readonly Scheduler[],
    /** It warns after this many ticks, and again each time that the lock has been held for twice as long. */
    private readonly warnAfterTicks: number,
    private readonly log: LockLog = new Logger('AdvisoryLock'),
  ) {}

  /** Call it when a job did not get its lock for the tick. Never rejects. */
  async check(job: JobName, key: LockKey, atMs: number): Promise<void> {
    const watched = this.watchedOf(key.id);
    const times = this.ticks.timesOf(job, this.findSchedulers());
    if (this.warnAfterTicks === 0 || times === undefined || atMs < watched.checkFromMs) return;
    watched.checkFromMs = Infinity;
    try {
      const { locks, now } = await this.fleet.inspect({ keys: [key], withinMs: REPORT_WITHIN_MS });
      const holder = locks.find(({ isGranted }) => isGranted);
      const held = holder && heldFor(holder, now);
      const heldMs = held?.ms ?? 0;
      const leftOut = held === undefined ? [] : times.between(Date.now() - heldMs, atMs, MAX_TICKS);
      const who = holder && describeHolder(holder);
      const isWarnedOf = watched.holder === who && heldMs >= watched.warnedMs;
      const minMs = isWarnedOf ? watched.warnedMs * 2 : MIN_HELD_MS;
      if (
        who !== undefined &&
        held !== undefined &&
        heldMs >= minMs &&
        leftOut.length >= this.warnAfterTicks
      ) {
        this.warn(job, who, held, leftOut.length);
        watched.holder = who;
        watched.warnedMs = heldMs;
      }
      const missing = this.warnAfterTicks - leftOut.length;
      watched.checkFromMs = Math.max(
        later(times, atMs, missing > 0 ? missing : this.warnAfterTicks),
        atMs + MIN_HELD_MS - heldMs,
      );
    } catch {
      // An unreachable database is reported by other parts.
      watched.checkFromMs = atMs;
    }
  }

  private warn(
    { lockName, method }: JobName,
    who: string,
    { ms, isAtLeast }: HeldFor,
    leftOut: number,
  ): void {
    const count = `${leftOut}${leftOut === MAX_TICKS ? ' or more' : ''}`;
    this.log.warn(
      `${method} was left out in the whole fleet for ${count} ticks in a row: lock "${lockName}" has been ` +
        `held for ${isAtLeast ? 'at least ' : ''}${formatDuration(ms)} by ${who}`,
    );
  }

  private watchedOf(keyId: string): Watched {
    const known = this.watched.get(keyId);
    if (known !== undefined) return known;
    const watched = { checkFromMs: -Infinity, holder: '', warnedMs: 0 };
    this.watched.set(keyId, watched);
    return watched;
  }
}

/** The tick this many ticks later; `Infinity` for a schedule that ends before. */
function later(times: JobTimes, atMs: number, ticks: number): number {
  let laterMs: number | undefined = atMs;
  for (let n = 0; n < ticks && laterMs !== undefined; n += 1) laterMs = times.after(laterMs);
  return laterMs ?? Infinity;
}

function describeHolder(lock: InspectedLock): string {
  const { clientAddress } = lock.backend ?? {};
  return holderLabelWithPid(lock, clientAddress === undefined ? '' : ` at ${clientAddress}`);
}
