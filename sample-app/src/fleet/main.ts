import { once } from 'node:events';
import { startEmbeddedPostgres } from '../../postgres/embedded-postgres.js';
import { sendCustomers } from './customers.js';
import { Fleet } from './fleet.js';
import { freePorts } from './free-ports.js';
import { introduce } from './introduction.js';
import { prepareDatabase } from './prepare-database.js';
import { sendStaff, watchShares } from './staff.js';

const stop = new AbortController();
const stopped = once(stop.signal, 'abort');
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    stop.abort();
  });
}

try {
  const firstPort = wholeNumber('PORT', 3001, 65_535);
  const instanceCount = wholeNumber('INSTANCES', 3, 10);
  const database = await openDatabase();
  try {
    await runFleet(database.url, await freePorts(firstPort, instanceCount));
  } finally {
    await database.stop();
    console.log('Every process of the fleet has ended.');
  }
} catch (error) {
  const wasAsked = error === stop.signal.reason;
  if (!wasAsked) {
    console.error(`The fleet cannot go on: ${describe(error)}`);
    process.exitCode = 1;
  }
}

async function openDatabase(): Promise<{ url: string; stop(): Promise<void> }> {
  const url = process.env.DATABASE_URL;
  if (url) return { url, stop: () => Promise.resolve() };
  console.log('Starting an embedded Postgres (set DATABASE_URL to use one of yours) …');
  const database = await startEmbeddedPostgres();
  console.log(`It listens at ${database.url}`);
  return database;
}

async function runFleet(databaseUrl: string, ports: number[]): Promise<void> {
  await prepareDatabase(databaseUrl);
  stop.signal.throwIfAborted();

  console.log(`Starting ${ports.length} instances of the shop …`);
  const fleet = new Fleet(ports, databaseUrl);
  try {
    await Promise.race([fleet.ready(), stopped]);
    stop.signal.throwIfAborted();

    introduce(fleet.running, fleet.leader);
    const allGone = fleet.open().then(() => {
      throw new Error('no instance is left.');
    });
    void sendCustomers(fleet, stop.signal);
    void sendStaff(fleet, stop.signal);
    void watchShares(fleet, stop.signal);
    await Promise.race([allGone, stopped]);
  } finally {
    stop.abort();
    console.log('\nStopping …');
    await fleet.stop();
  }
}

function wholeNumber(variable: string, fallback: number, highest: number): number {
  const value = Number(process.env[variable] ?? fallback);
  if (Number.isInteger(value) && value >= 1 && value <= highest) return value;
  throw new Error(`${variable} must be a whole number from 1 to ${highest}.`);
}

/** A refused connection to `localhost` is an AggregateError without a message of its own. */
function describe(error: unknown): string {
  const cause = error instanceof AggregateError ? (error.errors as unknown[])[0] : error;
  return cause instanceof Error ? cause.message : String(cause);
}
