import { postmasterPid, serverCpuMs } from '../server-cpu.js';
import { Child } from './child.js';
import type { Reading } from './figures.js';
import type { ProcessReading } from './instance-process.js';
import type { Traffic } from './relay-process.js';

/** A process has so many instances at most, while there are no more than so many processes. */
const INSTANCES_A_PROCESS = 5;
const MAX_PROCESSES = 4;

/** A fleet of instances, whose connections go through a relay that counts what passes. */
export class ScaleFleet {
  private constructor(
    private readonly postmasterPid: number,
    private readonly relay: Child<{ port: number }>,
    private readonly processes: readonly Child[],
  ) {}

  static async start(serverUrl: string, size: number, jobs: number): Promise<ScaleFleet> {
    const url = new URL(serverUrl);
    const relay = await Child.start<{ port: number }>('./relay-process.ts', url.port);
    url.port = String(relay.ready.port);
    const processes: Child[] = [];
    try {
      const pid = await postmasterPid(serverUrl);
      const count = Math.min(MAX_PROCESSES, Math.ceil(size / INSTANCES_A_PROCESS));
      for (let n = 0; n < count; n += 1) {
        const share = Math.floor((size + n) / count);
        processes.push(await Child.start('./instance-process.ts', url.href, String(share), String(jobs)));
      }
      return new ScaleFleet(pid, relay, processes);
    } catch (error) {
      await Promise.all([relay, ...processes].map((child) => child.stop()));
      throw error;
    }
  }

  /** From now on the instances take the hot keys, too. */
  heat(): void {
    for (const each of this.processes) each.order('heat');
  }

  async read(): Promise<Reading> {
    const [traffic, ...instances] = await Promise.all([
      this.relay.read<Traffic>(),
      ...this.processes.map((each) => each.read<ProcessReading>()),
    ]);
    const sum = (field: keyof ProcessReading): number =>
      instances.reduce((total, reading) => total + reading[field], 0);
    return {
      ...traffic,
      atMs: performance.now(),
      serverCpuMs: serverCpuMs(this.postmasterPid),
      instancesCpuMs: sum('cpuMs'),
      turns: sum('turns'),
      runs: sum('runs'),
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.processes.map((each) => each.stop()));
    await this.relay.stop();
  }
}
