import { startEmbeddedPostgres } from '../../../sample-app/postgres/embedded-postgres.js';

const { url } = await startEmbeddedPostgres();
process.send?.({ url });
process.on('message', () => undefined); // Stays until it is killed.
