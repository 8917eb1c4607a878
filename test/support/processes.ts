import { pathToFileURL } from 'node:url';
import { defer } from './cleanup.js';
import { spawnWorker, type WorkerOptions, type WorkerProcess } from './worker-process.js';

/**
 * Starts a TypeScript module as a process: `startWorker(new URL('./workers/holder.ts', import.meta.url))`. It
 * is killed after the test, or after the file when it was started in `beforeAll`.
 */
export function startWorker(module: URL | string, options?: WorkerOptions): WorkerProcess {
  const worker = spawnWorker(module instanceof URL ? module : pathToFileURL(module), options);
  defer(async () => {
    worker.kill('SIGKILL');
    await worker.exited;
  });
  return worker;
}
