import type { Load } from './wish.js';

/** The settings of a worker, as its argument. */
export interface WorkerSettings {
  readonly worker: number;
  readonly seed: number;
  readonly url: string;
  readonly journal: string;
  readonly serverOffsetUs: number;
  /** `null` for none: JSON has no `Infinity`. */
  readonly heartbeatMs: number | null;
  readonly lostAfterMs: number;
  readonly load: Load;
}

/** What a worker is asked to do. */
export type WorkerOrder =
  | { readonly type: 'stop' }
  /** To block its event loop. */
  | { readonly type: 'block'; readonly forMs: number };

/** What a worker reports. */
export type WorkerReport =
  | { readonly type: 'ready' }
  /** How often what has happened since the last tally. */
  | { readonly type: 'tally'; readonly counts: Record<string, number> }
  | { readonly type: 'blocked'; readonly fromUs: number; readonly toUs: number }
  /** What must never happen. */
  | { readonly type: 'unexpected'; readonly error: string }
  /** It has stopped, and closed everything. */
  | { readonly type: 'done' };
