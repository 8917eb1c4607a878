import { readFileSync } from 'node:fs';
import { until } from '../../support/until.js';
import { leaveWill } from './last-will.js';

export interface Frozen {
  /** Lets it go on. It may be called twice, and for a process that has ended meanwhile. */
  thaw(): void;
  /** The same, for `closeAfterTest`. */
  close(): Promise<void>;
}

/**
 * Stops a process, a worker's or a backend's, as a suspended machine or a long pause would: it runs nothing,
 * while the kernel keeps its sockets and answers for them.
 */
export async function freeze(pid: number): Promise<Frozen> {
  process.kill(pid, 'SIGSTOP');
  // Nobody could end a server that has to wait for a stopped backend.
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
  // Elsewhere there is no file to ask; the signal takes effect before kill() returns.
  if (process.platform !== 'linux') return true;
  return /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}
