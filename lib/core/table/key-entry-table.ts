import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import type { LockSessions } from '../session/lock-sessions.js';
import type { BlockedCalls } from './blocked-calls.js';
import type { KeyStateName } from './key-state.js';
import type { LockHold } from './lock-hold.js';
import type { WakeUps } from './wake-ups.js';

/** What an entry needs from its table. */
export interface KeyEntryTable {
  readonly sessions: LockSessions;
  /** After this many hand-offs inside the process it is the turn of other processes. */
  readonly maxLocalHandoffs: number;
  /** How long the turn of this process goes on, in milliseconds, although it has handed on that often. */
  readonly quickTurnMs: number;
  /** The calls that keep locks while they wait. */
  readonly blockedCalls: Pick<BlockedCalls, 'begin' | 'end'>;
  readonly wakeUps: WakeUps;
  /** Requests a key from the start, as there may be another entry for it by now. */
  tryAcquire(key: LockKey, mode: LockMode): Promise<LockHold | undefined>;
  /** The entry of the key is free: the table forgets it. */
  freed(key: LockKey): void;
  readonly onTransition?: ((from: KeyStateName, to: KeyStateName) => void) | undefined;
}
