import { type BlockedCall, keySchemes, LockDeadlockError, LockKey, type LockRuntime } from '../core/index.js';
import type { Fleet } from './fleet.js';
import { deadlockedCalls, findFleetDeadlock, type FleetWait, waitsIn } from './fleet-deadlock.js';
import { waitIdOf } from './local-waits.js';

/** After how long a wait is first looked at, in milliseconds. Most waits are over by then. */
const FIRST_LOOK_MS = 700;

/** The longest pause between two looks at one wait, in milliseconds: an instance may not have responded. */
const MAX_PAUSE_MS = 30_000;

/** How soon a look is repeated when another instance is ending a deadlock, in milliseconds. */
const AGAIN_MS = 200;

/** How long instances may take to report, in milliseconds. */
const REPORTS_WITHIN_MS = 500;

const NAME = 'nestjs-advisory-lock:deadlock';

/** Held by the instance that ends a deadlock, so that only one call of the deadlock rejects. */
const ENDING = LockKey.of(keySchemes.sha256(NAME), NAME);

interface Suspect {
  readonly call: BlockedCall;
  /** When it is looked at next, by `performance.now()`. */
  dueAt: number;
  pauseMs: number;
}

/**
 * Finds deadlocks between processes. Each instance knows which locks its waiting calls keep, so it asks the
 * fleet for these when a call that keeps locks has waited for long, and looks for a cycle.
 *
 * Reports are of different moments. So it looks twice, and counts only waits that stood at both looks:
 * between the two, all of them stood at once, and all locks inside which they wait were held.
 */
export class DeadlockMonitor {
  private readonly suspects = new Map<BlockedCall, Suspect>();
  private timer: NodeJS.Timeout | undefined;
  private isLooking = false;

  constructor(
    private readonly runtime: Pick<LockRuntime, 'table' | 'isClosed'>,
    private readonly fleet: Fleet,
  ) {}

  /** Monitors the calls that begin to wait from now on. An instance that does not join the fleet has none. */
  start(): void {
    if (!this.fleet.isJoined) return;
    this.runtime.table.blockedCalls.onBlocked((call) => {
      this.suspects.set(call, { call, dueAt: performance.now() + FIRST_LOOK_MS, pauseMs: FIRST_LOOK_MS });
      this.plan();
    });
  }

  private plan(): void {
    if (this.timer !== undefined || this.isLooking) return;
    const { all } = this.runtime.table.blockedCalls;
    for (const call of this.suspects.keys()) if (!all.has(call)) this.suspects.delete(call);
    if (this.suspects.size === 0) return;
    const dueAt = Math.min(...[...this.suspects.values()].map((suspect) => suspect.dueAt));
    this.timer = setTimeout(
      () => {
        this.timer = undefined;
        void this.look();
      },
      Math.max(1, dueAt - performance.now()),
    ).unref();
  }

  private async look(): Promise<void> {
    const now = performance.now();
    const { all } = this.runtime.table.blockedCalls;
    const due = [...this.suspects.values()].filter(({ call, dueAt }) => dueAt <= now && all.has(call));
    for (const suspect of due) {
      suspect.pauseMs = Math.min(MAX_PAUSE_MS, suspect.pauseMs * 2);
      suspect.dueAt = now + suspect.pauseMs;
    }
    this.isLooking = true;
    try {
      if (due.length > 0 && !this.runtime.isClosed) await this.check(due);
    } catch {
      // The database cannot be reached at the moment, or has no room for one more lock.
    } finally {
      this.isLooking = false;
      this.plan();
    }
  }

  private async check(due: readonly Suspect[]): Promise<void> {
    const first = await this.waits(due);
    const suspected = due.filter(({ call }) => findFleetDeadlock(waitIdOf(call), first) !== undefined);
    if (suspected.length === 0) return;
    for (const suspect of suspected) suspect.dueAt = performance.now() + AGAIN_MS;
    const ending = await this.runtime.table.tryAcquire(ENDING, 'exclusive');
    if (ending === undefined) return;
    try {
      const ids = new Set(first.map(({ id }) => id));
      const standing = (await this.waits(suspected)).filter(({ id }) => ids.has(id));
      for (const { call } of suspected) {
        const cycle = findFleetDeadlock(waitIdOf(call), standing);
        if (cycle === undefined || !this.runtime.table.blockedCalls.all.has(call)) continue;
        call.abort(deadlock(cycle));
        // It may be part of what looks like another deadlock; the next look shows what is left.
        return;
      }
    } finally {
      await this.runtime.table.release(ending);
    }
  }

  /** The waits that the fleet reports. */
  private async waits(suspects: readonly Suspect[]): Promise<FleetWait[]> {
    const keys = [...new Set(suspects.flatMap(({ call }) => call.keys))];
    const { reports } = await this.fleet.inspect({ keys, withinMs: REPORTS_WITHIN_MS });
    return waitsIn(reports);
  }
}

function deadlock(cycle: readonly FleetWait[]): LockDeadlockError {
  const calls = deadlockedCalls(cycle);
  const names = calls.map(({ waitsFor }) => waitsFor);
  return new LockDeadlockError(names[0] ?? '', [...new Set(names)], undefined, calls);
}
