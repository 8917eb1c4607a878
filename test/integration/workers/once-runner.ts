import { DataSource } from 'typeorm';
import { openLocks } from '../../support/open-locks.js';

// Runs "seed" once, and reports that the body has started and how the call ended. With TEST_HANGS the body
// does not end.
const url = process.env.TEST_URL ?? '';
const dataSource = await new DataSource({ type: 'postgres', url, poolSize: 1 }).initialize();
const locks = openLocks(url, {}, dataSource);

const keepsRunning = setInterval(() => undefined, 60_000);
const { ran } = await locks.service.once('seed', async () => {
  process.send?.({ started: true });
  if (process.env.TEST_HANGS === 'true') await new Promise(() => undefined);
});
process.send?.({ ran });
clearInterval(keepsRunning);
await locks.close();
await dataSource.destroy();
process.disconnect();
