import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Server, startServer } from './server.js';

/*
 * The process that owns an embedded server. It is not in the process group of its parent, and the operating
 * system closes the channel to the parent however the parent ends, so the guardian can always clean up.
 */
export type GuardianReport =
  { port: number; password: string; serverPid: number; folder: string } | { error: string };

const report = (message: GuardianReport) => {
  if (process.connected) process.send?.(message);
};

const endings = ['disconnect', 'SIGTERM', 'SIGINT', 'SIGHUP'];
const ended = Promise.race(endings.map((event) => once(process, event)));

// Root's TMPDIR is often a private folder, which the server's user cannot enter.
const temporaryFolder = process.getuid?.() === 0 ? '/tmp' : tmpdir();
const folder = await mkdtemp(join(temporaryFolder, 'embedded-postgres-'));
let server: Server | undefined;
let failure: string | undefined;
try {
  server = await startServer(folder, process.argv.slice(2));
  report({ port: server.port, password: server.password, serverPid: server.pid, folder });
  await Promise.race([ended, server.exited]);
} catch (error) {
  failure = error instanceof Error ? error.message : String(error);
} finally {
  await server?.stop();
  await rm(folder, { recursive: true, force: true, maxRetries: 10 });
}
if (failure !== undefined) report({ error: failure });
if (process.connected) process.disconnect();
