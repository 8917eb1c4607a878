import type { ContenderInfo } from './contender.js';
import type { HotKeyLoad } from './hot-key.js';
import { type LockCounter, openLockCounter } from './lock-counter.js';
import { RunningContender } from './running-contender.js';
import type { Turn } from './turn-recorder.js';

/** The processes of one contender, which all want the same lock. */
export class Fleet {
  private constructor(
    readonly info: ContenderInfo,
    private readonly locks: LockCounter,
    private readonly processes: RunningContender<HotKeyLoad, Turn[]>[],
  ) {}

  static async start(info: ContenderInfo, serverUrl: string, size: number): Promise<Fleet> {
    const processes = Array.from({ length: size }, () =>
      RunningContender.start<HotKeyLoad, Turn[]>('hot-key', info, serverUrl),
    );
    return new Fleet(info, await openLockCounter(info.server, serverUrl), await Promise.all(processes));
  }

  get pids(): number[] {
    return this.processes.map(({ pid }) => pid);
  }

  /** What all processes together see of the load. */
  async measure(load: HotKeyLoad): Promise<Turn[]> {
    const turns = await Promise.all(this.processes.map((contender) => contender.measure(load)));
    await this.locks.expect(0, 'after all were released');
    return turns.flat();
  }

  async stop(): Promise<void> {
    await Promise.all([this.locks.close(), ...this.processes.map((contender) => contender.stop())]);
  }
}
