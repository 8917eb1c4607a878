import pg from 'pg';
import { defer } from '../../support/cleanup.js';

/** A client that is not of this library. Closed after the test; one that is ended by others says nothing. */
export async function connect(url: string, applicationName: string): Promise<pg.Client & { pid: number }> {
  const client = new pg.Client({ connectionString: url, application_name: applicationName });
  client.on('error', () => undefined);
  await client.connect();
  defer(() => client.end());
  return Object.assign(client, { pid: (client as unknown as { processID: number }).processID });
}
