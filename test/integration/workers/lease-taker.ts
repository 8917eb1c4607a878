import { DataSource } from 'typeorm';
import { openLocks } from '../../support/open-locks.js';

// Takes or resumes the lease "order", reports it, and does nothing more until it is killed.
const url = process.env.TEST_URL ?? '';
const dataSource = await new DataSource({ type: 'postgres', url, poolSize: 1 }).initialize();
const { service } = openLocks(url, {}, dataSource);

const { TEST_TOKEN: token } = process.env;
const lease =
  token === undefined
    ? await service.lease('order', { ttlMs: 60_000, owner: 'first process' })
    : await service.resumeLease('order', token);
process.send?.({ token: lease.token, fencingToken: String(lease.fencingToken) });
setInterval(() => undefined, 60_000);
