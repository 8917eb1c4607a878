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
    void this.follow(leadership, options.signal);
    return leadership;
  }

  isLeader(name: LockName): boolean {
    const id = this.runtime.keys.identityOf(name);
    return [...this.candidates].some(([leadership, keyId]) => keyId === id && leadership.isLeader);
  }

  /** Stops it with the signal of the caller, and removes it when it has ended. */
  private async follow(leadership: Leadership, signal: AbortSignal | undefined): Promise<void> {
    const stop = (): void => void leadership.stopBecause(signal?.reason);
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted === true) stop();
    await leadership.over;
    signal?.removeEventListener('abort', stop);
    this.candidates.delete(leadership);
  }
}
