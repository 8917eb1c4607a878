import type { AdvisoryLockModuleOptions } from '../../../lib/index.js';
import { startWorker } from '../../support/processes.js';
import type { WorkerProcess } from '../../support/worker-process.js';
import type { Order, Told } from '../workers/holder.js';
import { SHORT_TIMES } from './told.js';

/** An application in a process of its own, which takes locks when it is told to. */
export class HolderProcess {
  constructor(readonly worker: WorkerProcess) {}

  get pid(): number {
    return this.worker.pid;
  }

  /** Has it do something, and waits until it is done. */
  async ask(order: Order): Promise<object> {
    this.worker.send(order);
    const { answer } = await this.worker.message<{ answer: object }>((message) => 'answer' in message);
    return answer;
  }

  /** Waits until it is told that its lock is lost. */
  told(name: string): Promise<Told> {
    return this.worker.message<Told>(({ lost }) => lost === name);
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
