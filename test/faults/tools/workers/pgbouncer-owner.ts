import { startPgBouncer } from '../../support/pgbouncer.js';

const bouncer = await startPgBouncer(process.argv[2] ?? '', { mode: 'transaction' });
process.send?.({ pid: bouncer.pid, folder: bouncer.folder });
