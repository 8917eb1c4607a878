import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface LastWill {
  /** It has been done already. */
  revoke: () => void;
}

export type LastWillMessage = { id: number; command: string } | { id: number; command?: never };

const executorPath = fileURLToPath(new URL('./last-will-executor.mjs', import.meta.url));
const open = new Set<number>();
let executor: ChildProcess | undefined;
let lastId = 0;

/**
 * A shell command that is run when this process ends without having revoked it, however it ends: a process of
 * its own notices, and runs what is left, last in, first out.
 */
export function leaveWill(command: string): LastWill {
  const id = ++lastId;
  open.add(id);
  tell({ id, command });
  return {
    revoke() {
      if (!open.delete(id)) return;
      tell({ id });
      if (open.size > 0) return;
      executor?.disconnect();
      executor = undefined;
    },
  };
}

function tell(message: LastWillMessage): void {
  executor ??= startExecutor();
  executor.send(message);
}

function startExecutor(): ChildProcess {
  // Out of the process group, so that Ctrl-C does not reach it.
  const child = fork(executorPath, {
    detached: true,
    // Workers are started with a module that ends them when their parent does; this one has work to do then.
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  child.unref();
  child.channel?.unref();
  return child;
}
