import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

export interface LastWill {
  /** It has been done already. */
  revoke: () => void;
}

const executorPath = fileURLToPath(new URL('./last-will-executor.mjs', import.meta.url));
const open = new Set<number>();
let toExecutor: Socket | undefined;
let lastId = 0;

/**
 * A shell command that is run when this process ends without having revoked it, however it ends: a process of
 * its own notices, and runs what is left, last in, first out.
 */
export function leaveWill(command: string): LastWill {
  const id = ++lastId;
  open.add(id);
  send({ id, command });
  return {
    revoke() {
      if (!open.delete(id)) return;
      send({ id });
      if (open.size > 0) return;
      toExecutor?.end();
      toExecutor = undefined;
    },
  };
}

function send(message: { id: number; command?: string }): void {
  toExecutor ??= startExecutor();
  toExecutor.write(`${JSON.stringify(message)}\n`);
}

/**
 * A pipe keeps what was written even when this process is gone before the other has started; of an IPC
 * channel, which would come with `fork`, a module may miss the end.
 */
function startExecutor(): Socket {
  // Out of the process group, so that Ctrl-C does not reach it.
  const child = spawn(process.execPath, [executorPath], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.unref();
  const toChild = child.stdin as Socket;
  toChild.unref();
  return toChild;
}
