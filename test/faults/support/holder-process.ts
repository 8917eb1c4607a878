import type { AdvisoryLockModuleOptions } from '../../../lib/index.js';
import { startWorker } from '../../support/processes.js';
import type { WorkerProcess } from '../../support/worker-process.js';
import type { LossReport, Order } from '../workers/holder.js';
import { SHORT_TIMES } from './lock-loss.js';

/** An application in a process of its own, which takes locks on request. */
export class HolderProcess {
  constructor(readonly worker: WorkerProcess) {}

  get pid(): number {
    return this.worker.pid;
  }

  /** Has it do something, and waits until it is done. */
  async ask(order: Order): Promise<object> {
    this.worker.send(order);
    const { result } = await this.worker.message<{ result: object }>((message) => 'result' in message);
    return result;
  }

  /** Waits until the process is notified that its lock is lost. */
  lossOf(name: string): Promise<LossReport> {
    return this.worker.message<LossReport>(({ lost }) => lost === name);
  }
}

export async function startHolder(
  url: string,
  options: AdvisoryLockModuleOptions = SHORT_TIMES,
  execPath?: string,
): Promise<HolderProcess> {
  const worker = startWorker(new URL('../workers/holder.ts', import.meta.url), {
    args: [url, JSON.stringify(options)],
    ...(execPath !== undefined && { execPath }),
  });
  await worker.message<{ ready?: true }>(({ ready }) => ready === true);
  return new HolderProcess(worker);
}
