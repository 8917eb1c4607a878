import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { forkModule } from './fork-module.js';
import type { GuardianReport } from './guardian.js';

export interface EmbeddedPostgresOptions {
  /** More arguments for `postgres`, such as `['-c', 'max_connections=5']`. */
  postgresFlags?: string[];
}

export interface EmbeddedPostgres {
  url: string;
  port: number;
  /** Ends the server and removes its data folder. */
  stop: () => Promise<void>;
}

/**
 * Starts a temporary Postgres on a free port of the loopback interface. It ends with this process, however
 * that ends: a guardian process owns it, and cleans up when the channel to this process closes.
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions = {},
): Promise<EmbeddedPostgres> {
  // The guardian has the extension of this file: .ts in the source, .js when compiled.
  const guardianUrl = new URL(`./guardian${extname(import.meta.url)}`, import.meta.url);
  const guardian = forkModule(fileURLToPath(guardianUrl), options.postgresFlags, {
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });

  const report = await new Promise<GuardianReport>((resolve, reject) => {
    guardian.once('message', resolve);
    guardian.once('error', reject);
    guardian.once('exit', (code, signal) => {
      resolve({ error: `its guardian process ended too early (${String(code ?? signal)})` });
    });
  });
  if ('error' in report) throw new Error(`The embedded Postgres did not start: ${report.error}`);

  const guardianGone = once(guardian, 'exit').then(async ([code]) => {
    if (code !== 0) await cleanUpAfterGuardian(report.serverPid, report.folder);
  });
  guardian.unref();
  guardian.channel?.unref();

  return {
    url: `postgres://postgres:${report.password}@127.0.0.1:${String(report.port)}/postgres`,
    port: report.port,
    async stop() {
      guardian.ref();
      if (guardian.connected) guardian.disconnect();
      await guardianGone;
    },
  };
}

/** The guardian was killed, so this process cleans up. */
async function cleanUpAfterGuardian(serverPid: number, folder: string): Promise<void> {
  try {
    process.kill(serverPid, 'SIGQUIT');
  } catch {
    // It is gone already.
  }
  // The server still writes for a moment, so the removal is tried again.
  await rm(folder, { recursive: true, force: true, maxRetries: 20 });
}
