import { type ChildProcess, fork, type ForkOptions } from 'node:child_process';

/**
 * Starts a module as a Node process of its own, with an IPC channel: compiled JavaScript as it is, TypeScript
 * source (which only tests have) through swc. The loader finds tsconfig.json in the working directory, so
 * TypeScript modules are started from the project's root, where npm scripts run.
 */
export function forkModule(path: string, args: string[] = [], options: ForkOptions = {}): ChildProcess {
  const loader = path.endsWith('.ts') ? ['--import', '@swc-node/register/esm-register'] : [];
  return fork(path, args, { ...options, execArgv: [...loader, ...(options.execArgv ?? [])] });
}
