import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';

/** Two socket servers of one PGlite: for several clients, and for a single one. Sends their addresses. */
const db = await PGlite.create();
const urls = await Promise.all(
  [10, 1].map(async (maxConnections) => {
    const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0, maxConnections });
    await server.start();
    return `postgres://postgres:postgres@${server.getServerConn()}/postgres`;
  }),
);
process.send?.({ urls });
