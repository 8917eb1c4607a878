import { type ChildProcess, fork, type ForkOptions } from 'node:child_process';

/** For the source; what is compiled never starts TypeScript. */
const typescript = new URL('../../scripts/typescript.mjs', import.meta.url).href;

/**
 * Starts a module as a Node process of its own, with an IPC channel: compiled JavaScript as it is, TypeScript
 * source, which only tests have, through the loader of this repository.
 */
export function forkModule(path: string, args: string[] = [], options: ForkOptions = {}): ChildProcess {
  const loader = path.endsWith('.ts') ? ['--import', typescript] : [];
  return fork(path, args, { ...options, execArgv: [...loader, ...(options.execArgv ?? [])] });
}
