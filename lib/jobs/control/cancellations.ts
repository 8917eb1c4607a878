import { type LockHold, type LockName, type LockRuntime } from '../../core/index.js';
import { QUESTIONS } from '../../fleet/channels.js';
import type { CancelMessage } from '../../fleet/run/cancel-message.js';
import type { FleetMessages } from '../../fleet/run/fleet-messages.js';
import { jobDigest } from '../../fleet/run/run-messages.js';

/** Why the lock of a run is lost, as the end of a sentence. */
export const CANCEL_REASON = "the next tick of the job is due, and it has overlap: 'cancel'";

/**
 * Takes the lock away from the run of a job whose next tick is due, in whichever instance it runs. The run
 * is notified at once; the key is free when it has settled, or its grace is over. Until then no other run
 * begins.
 */
export class Cancellations {
  private readonly running = new Map<string, LockHold>();

  constructor(
    private readonly engine: LockRuntime,
    private readonly messages: FleetMessages,
  ) {
    messages.onMessage(({ message, senderPid, channel }) => {
      if (message.kind !== 'cancel' || channel !== QUESTIONS) return;
      if (this.running.has(message.job)) void this.obey(message, senderPid);
    });
  }

  /** Adds a run that may be canceled; returns the function that removes it. */
  add(name: LockName, methodName: string, hold: LockHold): () => void {
    const job = this.digestOf(name, methodName);
    this.running.set(job, hold);
    return () => {
      if (this.running.get(job) === hold) this.running.delete(job);
    };
  }

  /** Cancels the run, here or in another instance. Rejects when the fleet cannot be notified. */
  async cancel(name: LockName, methodName: string, graceMs: number): Promise<void> {
    const job = this.digestOf(name, methodName);
    if (this.running.has(job)) {
      this.withdraw(job, graceMs);
      return;
    }
    await this.messages.send(QUESTIONS, { kind: 'cancel', job, graceMs });
  }

  private async obey({ job, graceMs }: CancelMessage, senderPid: number): Promise<void> {
    const isOrder = await this.messages.mayOrder(senderPid).catch(() => false);
    if (isOrder) this.withdraw(job, graceMs);
  }

  private withdraw(job: string, graceMs: number): void {
    const hold = this.running.get(job);
    if (hold !== undefined) this.engine.table.withdraw(hold, CANCEL_REASON, graceMs);
  }

  private digestOf(name: LockName, methodName: string): string {
    return jobDigest(`${this.engine.keys.fullNameOf(name)}\0${methodName}`);
  }
}
