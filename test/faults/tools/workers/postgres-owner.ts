import pg from 'pg';
import { freeze } from '../../support/freeze.js';
import { startPrimary } from '../../support/postgres-cluster.js';

const server = await startPrimary();
const client = new pg.Client(server.url);
await client.connect();
const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
const backend = rows[0]?.pid ?? 0;
await freeze(backend);
process.send?.({ pid: server.pid, backend, folder: server.options.folder });
