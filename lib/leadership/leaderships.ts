import {
  checkOptions,
  describeNames,
  type LockName,
  type LockRuntime,
  LockShutdownError,
  runOutside,
  signalRules,
} from '../core/index.js';
import { Leadership, type LeadOptions } from './leadership.js';
import type { LeadershipBody } from './leadership-body.js';
import { stopWith } from './stop-with.js';

/** The candidates of this process. */
export class Leaderships {
  private readonly candidates = new Map<Leadership, string>();

  constructor(
    private readonly runtime: Pick<LockRuntime, 'keys' | 'locks' | 'createLog' | 'closeSignal' | 'isClosed'>,
  ) {
    // The lock is released when the body has settled, whatever else the module waits for.
    const { closeSignal } = runtime;
    closeSignal.addEventListener('abort', () => {
      for (const leadership of this.candidates.keys()) void leadership.stopBecause(closeSignal.reason);
    });
  }

  lead(name: LockName, body: LeadershipBody, options: LeadOptions = {}): Leadership {
    checkOptions(options, signalRules, 'lead()');
    const id = this.runtime.keys.identityOf(name);
    if (this.runtime.isClosed) throw new LockShutdownError(describeNames(name));
    const acquire = (signal: AbortSignal) =>
      this.runtime.locks.tryAcquire(name, { waitMs: Infinity, signal });
    // It outlasts the caller: inside a lock of the caller on that name it would be elected at once.
    const leadership = runOutside(
      () => new Leadership(describeNames(name), acquire, body, this.runtime.createLog('AdvisoryLock')),
    );
    this.candidates.set(leadership, id);
    // Forgotten before the caller of `stop()` goes on, which may campaign again.
    void leadership.over.then(() => this.candidates.delete(leadership));
    stopWith(options.signal, leadership);
    return leadership;
  }

  /** Those that campaign, or lead. */
  get all(): Iterable<Leadership> {
    return this.candidates.keys();
  }

  isLeader(name: LockName): boolean {
    const id = this.runtime.keys.identityOf(name);
    return [...this.candidates].some(([leadership, keyId]) => keyId === id && leadership.isLeader);
  }
}
