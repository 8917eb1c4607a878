import { readFileSync } from 'node:fs';
import { until } from '../../support/until.js';
import { leaveWill } from './last-will.js';

export interface Frozen {
  /** Lets it go on. It may be called twice, and for a process that has ended in the meantime. */
  thaw(): void;
  /** The same, for `closeAfterTest`. */
  close(): Promise<void>;
}

/**
 * Stops a process, a worker's or a backend's, as a suspended machine or a long pause would: it runs nothing,
 * while the kernel keeps its sockets and acknowledges what arrives.
 */
export async function freeze(pid: number): Promise<Frozen> {
  process.kill(pid, 'SIGSTOP');
  // A server that waits for a stopped backend could not be ended.
  const will = leaveWill(`kill -CONT ${pid}`);
  let isFrozen = true;
  const thaw = () => {
    if (!isFrozen) return;
    isFrozen = false;
    will.revoke();
    try {
      process.kill(pid, 'SIGCONT');
    } catch {
      // It was killed while it was frozen.
    }
  };
  try {
    await until(() => isStopped(pid), `process ${pid} is stopped`);
  } catch (error) {
    thaw();
    throw error;
  }
  return {
    thaw,
    close() {
      thaw();
      return Promise.resolve();
    },
  };
}

function isStopped(pid: number): boolean {
  // Other systems have no such file; the signal takes effect before kill() returns.
  if (process.platform !== 'linux') return true;
  return /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}
