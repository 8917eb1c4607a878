import { describe, expect, it } from '@jest/globals';
import { hostname } from 'node:os';
import type { InspectedLock } from '../../lib/inspection/inspected-lock.js';
import { KeyRegistry } from '../../lib/core/index.js';
import { defer } from '../support/cleanup.js';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { spawnWorker, type WorkerProcess } from '../support/worker-process.js';
import { type CliOutcome, type CliProcess, startCli } from './support/cli-process.js';
import { connect } from './support/pg-client.js';
import { closeAfterTest } from '../faults/support/close-after-test.js';
import { startPrimary } from '../faults/support/postgres-cluster.js';

const database = useTestDatabase();

const start = (...args: string[]): CliProcess => startCli(args, { DATABASE_URL: database.url });
const outcomeOf = (...args: string[]): Promise<CliOutcome> => start(...args).outcome;

function work(module: string, ...args: string[]): WorkerProcess {
  const worker = spawnWorker(new URL(`./workers/${module}.ts`, import.meta.url), {
    args,
    env: { TEST_URL: database.url },
  });
  defer(async () => {
    worker.kill();
    await worker.exited;
  });
  return worker;
}

const waiters = async (): Promise<number> =>
  (await database.advisoryLocks()).filter(({ granted }) => !granted).length;

/** A busy machine takes its time to start a process. */
const STARTED_WITHIN_MS = 45_000;
/** All instances reply sooner or later. */
const patiently = ['--within', '20s'];

describe('of a fleet', () => {
  it('why shows the instance that holds a lock, since when, and its waiters; so does list', async () => {
    const holder = work('holder', 'daily-report', 'import');
    await holder.message(({ type }: { type?: string }) => type === 'holding');
    const waiter = work('waiter', 'daily-report');
    await until(async () => (await waiters()) === 1, 'an instance waits', STARTED_WITHIN_MS);
    const psql = await connect(database.url, 'psql');
    const key = new KeyRegistry().keyOf('daily-report');
    const waiting = psql.query('SELECT pg_advisory_lock_shared($1)', [key.id]);
    await until(async () => (await waiters()) === 2, 'psql waits');

    // One after the other, waiting for those that leave in the meantime.
    const why = await outcomeOf('why', 'daily-report', ...patiently);
    const whyJson = await outcomeOf('why', 'daily-report', '--json', ...patiently);
    const list = await outcomeOf('list', '--waiting', ...patiently);
    const listJson = await outcomeOf('list', '--json', ...patiently);

    // A session of the library joins the queue again in each turn, so either may be the first in it.
    const [holds, waits] = [holder, waiter].map(({ pid }) => `${hostname()}:${pid}`) as [string, string];
    expect(why).toMatchObject({ status: 0, stderr: '' });
    expect(why.stdout.split('\n')).toEqual(
      expect.arrayContaining([
        `"daily-report" is held by ${holds}, and 2 wait for it.`,
        expect.stringMatching(`^${holds} has held it exclusively since [\\d:]{8} \\(.+\\)\\.$`),
        expect.stringMatching(/The connection has 1 other lock as well\.$/),
        expect.stringMatching(
          `^[12]\\. ${waits} \\(pid \\d+\\), .* has waited since .+ to hold it exclusively, ` +
            `behind ${holds}( and psql)?\\. Inside that instance, 1 call waits for it\\.$`,
        ),
        expect.stringMatching(
          `^[12]\\. psql \\(pid ${psql.pid}\\), .* to hold it shared, behind ${holds}( and ${waits})?\\.$`,
        ),
        expect.stringMatching(/nestjs-advisory-lock kill daily-report$/),
      ]),
    );

    expect(JSON.parse(whyJson.stdout)).toMatchObject({
      name: 'daily-report',
      key: key.id,
      isHeld: true,
      holders: [{ instance: holds, heldMs: expect.any(Number) as unknown }],
      waiters: expect.arrayContaining([
        expect.objectContaining({ instance: waits, callsWaiting: 1 }),
        expect.objectContaining({ mode: 'shared', backend: expect.objectContaining({ pid: psql.pid }) }),
      ]) as unknown,
      preparedTransactions: [],
    });

    // The name is one that no argument has said.
    const lines = list.stdout.split('\n');
    expect(lines[0]).toMatch(/^LOCK +MODE +STATE +FOR +BY +PID +ADDRESS$/);
    expect(lines[1]).toMatch(/^daily-report +exclusive +held +\d/);
    const waitersListed = lines.slice(2, 4).sort();
    expect(waitersListed[0]).toMatch(/^daily-report +exclusive +waits \+1 /);
    expect(waitersListed[1]).toMatch(/^daily-report +shared +waits +.* psql +\d+ +127/);
    expect(lines[4]).toBe('1 lock held, 2 wait');

    const locks = JSON.parse(listJson.stdout) as InspectedLock[];
    expect(locks).toHaveLength(4);
    expect(locks.map(({ name }) => name).sort()).toEqual([
      'daily-report',
      'daily-report',
      'daily-report',
      'import',
    ]);
    // Locks with waiters are first, as in the table.
    expect(locks.slice(0, 3).map((lock) => lock.key.id)).toEqual([key.id, key.id, key.id]);

    holder.kill();
    // The other instance has it next, and keeps psql out until the end.
    await until(async () => (await waiters()) === 1, 'the next has it');
    await psql.end();
    await waiting.catch(() => undefined);
  });
});

describe('list', () => {
  it('--watch appends without a terminal, survives an outage, and ends by a signal', async () => {
    const watching = start('list', '--watch', '100ms');
    await watching.says('0 locks held');
    const client = await connect(database.url, 'psql');
    await client.query('SELECT pg_advisory_lock(1, 2)');
    await watching.says('1 lock held');
    await client.end();

    const otherDatabase = new URL(database.url);
    otherDatabase.pathname = '/postgres';
    const admin = await connect(otherDatabase.href, 'admin');
    const allow = (isAllowed: boolean) =>
      admin.query(`ALTER DATABASE "${database.name}" ALLOW_CONNECTIONS ${isAllowed}`);
    await allow(false);
    try {
      await admin.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = $1 AND application_name LIKE 'nestjs-advisory-lock%'`,
        [database.name],
      );
      await watching.complains('is not currently accepting connections');
    } finally {
      await allow(true);
    }
    const printed = watching.printed().length;
    await until(() => watching.printed().length > printed, 'it goes on');

    watching.kill('SIGINT');
    expect((await watching.outcome).status).toBe(130);
  });

  it('--watch --json prints one line per refresh, and ends when its output is closed', async () => {
    const client = await connect(database.url, 'psql');
    await client.query('SELECT pg_advisory_lock(1, 2)');
    const watching = start('list', '--watch', '50ms', '--json');
    await until(() => watching.printed().split('\n').length > 2, 'it looks twice');
    for (const line of watching.printed().split('\n').slice(0, 2)) {
      expect(JSON.parse(line)).toMatchObject([{ key: { id: '(1, 2)' }, backend: { pid: client.pid } }]);
    }
    watching.stopReading();
    expect((await watching.outcome).status).toBe(0);
  });
});

describe('beside BullMQ', () => {
  it('list leaves out its short locks, and names them', async () => {
    const client = await connect(database.url, 'queue');
    await client.query('BEGIN');
    await client.query(
      "SELECT pg_advisory_xact_lock(hashtext('bullmq:finalization'), 1), " +
        "pg_advisory_xact_lock(hashtext('bullmq:job:1'))",
    );
    await createLocks(database.url).service.acquire('import');

    const folded = await outcomeOf('list', '--within', '0ms');
    expect(folded.stdout).not.toMatch(/BullMQ .*queue/);
    expect(folded.stdout).toContain('1 lock held, 0 wait; 2 locks of BullMQ left out, --tools lists them');
    const listed = await outcomeOf('list', '--tools', '--within', '0ms');
    expect(listed.stdout.match(/BullMQ/g)).toHaveLength(2);
    await client.query('ROLLBACK');
  });
});

describe('why', () => {
  it('says that a lock is free', async () => {
    expect(await outcomeOf('why', 'nightly-report')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining(
        '"nightly-report" is free: no one holds it, and no one waits for it.\n' +
          'Its key is 7440995589958059143.\n',
      ) as unknown,
    });
  });

  it('names a lock of another library by the name that is asked for, and so does list', async () => {
    const { service } = createLocks(database.url);
    await service.acquire('nightly-report', { keyScheme: 'medusa' });
    await service.acquire('nightly-report', { keyScheme: 'hashtext' });

    const why = await outcomeOf('why', 'nightly-report', '--within', '0ms');
    expect(why.stdout).toContain('"nightly-report" is free');
    expect(why.stdout).toMatch(
      /By the key scheme medusa, "nightly-report" is another lock, 4157621263, which is held by .+ --scheme medusa\./,
    );
    const bySchemes = await outcomeOf('why', 'nightly-report', '--scheme', 'hashtext', '--within', '0ms');
    expect(bySchemes.stdout).toContain('"nightly-report" is held by');

    const list = await outcomeOf('list', '--name', 'nightly-report', '--within', '0ms');
    expect(list.stdout).toContain('nightly-report (medusa)');
    expect(list.stdout).toContain('nightly-report (hashtext)');
  });

  it('shows the holders of permits, and the holder of the turn', async () => {
    const { service } = createLocks(database.url, { namespace: 'shop' });
    const other = createLocks(database.url, { namespace: 'shop' }).service;
    const [one, two] = [
      await service.acquire('mail', { permits: 2 }),
      await service.acquire('mail', { permits: 2 }),
    ];
    const third = other.acquire('mail', { permits: 2, waitMs: Infinity });
    await until(async () => (await waiters()) > 0, 'the third waits');
    const { stdout } = await outcomeOf('why', 'mail', '--permits', '2', '--namespace', 'shop');
    expect(stdout).toMatch(/^2 of the 2 permits of "mail" are held, .* and 1 waits for one\.\n/);
    expect(stdout).toMatch(/\n1\. .* has the turn to take a permit\.\n/);
    await one.release();
    await two.release();
    await (await third).release();
  });

  it('shows less to a role without pg_read_all_stats, not nothing', async () => {
    const role = `${database.name}_reader`;
    await database.query(`CREATE ROLE ${role} LOGIN PASSWORD 'reader'`);
    defer(() => database.query(`DROP ROLE ${role}`));
    const url = new URL(database.url);
    url.username = role;
    url.password = 'reader';
    const client = await connect(database.url, 'psql');
    await client.query('SELECT pg_advisory_lock(72707369)');
    const { status, stdout } = await startCli(['why', '--key', '72707369'], { DATABASE_URL: url.href })
      .outcome;
    expect(status).toBe(0);
    expect(stdout).toContain(
      'The key 72707369 is held by psql, and no one waits for it.\nIt is the key of Prisma Migrate.',
    );
    expect(stdout).toContain('since when cannot be seen without the role pg_read_all_stats');
    expect(stdout).toContain(`the pid ${client.pid}, application "psql"`);
  });
});

describe('on a server with many locks', () => {
  it('list shows all of it, and why and kill know a prepared transaction', async () => {
    const { url } = await closeAfterTest(
      startPrimary({ flags: ['-c', 'max_locks_per_transaction=400', '-c', 'max_prepared_transactions=1'] }),
    );
    const client = await connect(url, 'psql');
    await client.query('SELECT count(pg_advisory_lock(n)) FROM generate_series(1, 10000) AS n');
    const other = await connect(url, 'other');
    await other.query('BEGIN; SELECT pg_advisory_xact_lock(-7)');
    await other.query(`PREPARE TRANSACTION 'left'`);
    const env = { DATABASE_URL: url };

    const { stdout } = await startCli(['list'], env).outcome;
    expect(stdout.split('\n').length).toBe(10_004);
    expect(stdout).toContain('10001 locks held, 0 wait\n');
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);

    const why = await startCli(['why', '--key=-7'], env).outcome;
    expect(why.stdout).toMatch(/^The key -7 is held by a prepared transaction, and no one waits for it\.\n/);
    expect(why.stdout).toContain(
      'The prepared transaction "left" of the user postgres holds it for at least',
    );
    const kill = await startCli(['kill', '--key=-7', '--yes'], env).outcome;
    expect(kill).toMatchObject({ status: 1, stderr: '' });
    expect(kill.stdout).toContain("ROLLBACK PREPARED 'left'");
    await other.query(`ROLLBACK PREPARED 'left'`);
  });
});
