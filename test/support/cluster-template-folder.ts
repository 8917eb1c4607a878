import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Of a run of tests, by the prefix of its databases: what the servers that its tests start are copies of. It
 * goes with the Postgres of the run.
 */
export function clusterTemplateFolder(databasePrefix: string): string {
  // The temporary folder of root is often out of reach for the server's user.
  return join(process.getuid?.() === 0 ? '/tmp' : tmpdir(), `${databasePrefix}_cluster`);
}
