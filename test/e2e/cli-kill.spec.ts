import { describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { defer } from '../support/cleanup.js';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { type CliOutcome, type CliProcess, startCli } from './support/cli-process.js';
import { connect } from './support/pg-client.js';

const database = useTestDatabase();

const start = (...args: string[]): CliProcess => startCli(args, { DATABASE_URL: database.url });
const outcomeOf = (...args: string[]): Promise<CliOutcome> => start(...args).outcome;

async function hold(
  applicationName: string,
  sql = 'SELECT pg_advisory_lock(7)',
): Promise<pg.Client & { pid: number }> {
  const client = await connect(database.url, applicationName);
  await client.query(sql);
  return client;
}

const holderPids = async (): Promise<number[]> =>
  (await database.advisoryLocks()).filter(({ granted }) => granted).map(({ pid }) => pid);

describe('kill', () => {
  it('shows the holder, ends it once confirmed, and names the next holder', async () => {
    const [holder, waiter] = [createLocks(database.url).service, createLocks(database.url).service];
    const lock = await holder.acquire('daily-report');
    const other = await holder.acquire('import');
    const waiting = waiter.acquire('daily-report', { waitMs: Infinity });
    await until(
      async () => (await database.advisoryLocks()).some(({ granted }) => !granted),
      'another waits',
    );
    const [pid] = await holderPids();

    const kill = start('kill', 'daily-report', '--ask', '--within', '20s', '--reason', 'it hangs');
    await kill.says('End it? [y/N] ');
    expect(kill.printed()).toMatch(
      new RegExp(`^This ends the connection of .* \\(pid ${pid}\\), .* which holds "daily-report"\\.\n`),
    );
    expect(kill.printed()).toContain('It frees another lock of that connection too: import.');
    lock.assertHeld();
    kill.answer('y');

    const { status, stdout } = await kill.outcome;
    expect(status).toBe(0);
    expect(stdout).toMatch(
      new RegExp(`\\(pid ${pid}\\) was ended: it hangs\\.\n"daily-report" is held by .*\n$`),
    );
    await using next = await waiting;
    next.assertHeld();
    await until(() => lock.signal.aborted && other.signal.aborted, 'the holder is notified');
    expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST' });
  });

  it('ends no holder when the lock has changed hands since it was shown', async () => {
    const holder = await hold('first');
    const kill = start('kill', '--key', '7', '--ask');
    await kill.says('End it? [y/N] ');
    const next = await connect(database.url, 'second');
    await holder.query('SELECT pg_advisory_unlock(7)');
    await next.query('SELECT pg_advisory_lock(7)');
    kill.answer('yes');

    const { status, stdout } = await kill.outcome;
    expect(status).toBe(67);
    expect(stdout).toContain(`first (pid ${holder.pid}) was not ended: it does not hold the key 7 any more.`);
    expect(stdout).toContain(`The key 7 is held by second (pid ${next.pid}).`);
    expect((await holder.query<{ n: number }>('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
    expect(await holderPids()).toEqual([next.pid]);
  });

  it('ends no holder when the answer is not yes', async () => {
    const holder = await hold('psql');
    const kill = start('kill', '--key', '7', '--ask');
    await kill.says('End it? [y/N] ');
    kill.answer('yesterday');
    const { status, stdout } = await kill.outcome;
    expect(status).toBe(1);
    expect(stdout).toContain('No holder was ended.');
    expect(await holderPids()).toEqual([holder.pid]);
  });

  it('requires a choice among several holders, or all', async () => {
    const shared = 'SELECT pg_advisory_lock_shared(7)';
    const [one, two, three] = [
      await hold('one', shared),
      await hold('two', shared),
      await hold('three', shared),
    ];

    const unclear = await outcomeOf('kill', '--key', '7', '--yes');
    expect(unclear).toMatchObject({ status: 64, stdout: '' });
    expect(unclear.stderr).toContain('The key 7 has 3 holders');
    expect(await outcomeOf('kill', '--key', '7', '--yes', '--pid', '1')).toMatchObject({
      status: 64,
      stderr: expect.stringContaining('--pid must be the pid of a holder') as unknown,
    });
    expect(await holderPids()).toHaveLength(3);

    const ended = await outcomeOf('kill', '--key', '7', '--yes', '--pid', String(two.pid));
    expect(ended.status).toBe(0);
    expect(ended.stdout).toContain(`two (pid ${two.pid}) was ended.`);
    expect(new Set(await holderPids())).toEqual(new Set([one.pid, three.pid]));

    const all = await outcomeOf('kill', '--key', '7', '--yes', '--all');
    expect(all.status).toBe(0);
    expect(all.stdout).toContain('The key 7 is free: no one holds it.');
    expect(await holderPids()).toEqual([]);
  });

  it('asks for --yes where there is no terminal, and has nothing to do for a free lock', async () => {
    const holder = await hold('psql');
    const [unsure, free] = await Promise.all([
      outcomeOf('kill', '--key', '7'),
      outcomeOf('kill', 'import', '--yes'),
    ]);
    expect(unsure.status).toBe(64);
    expect(unsure.stderr).toContain('--yes ends the holder without asking');
    expect(free).toMatchObject({ status: 1, stdout: '"import" is free: no one holds it.\n' });
    expect(await holderPids()).toEqual([holder.pid]);
  });

  it('ends a holder that has taken the lock again only with --force, in a fleet with a secret', async () => {
    const fleetSecret = 'a secret of the fleet';
    const { service } = createLocks(database.url, { instanceName: 'holder', fleetSecret });
    const env = { DATABASE_URL: database.url, ADVISORY_LOCK_FLEET_SECRET: `${fleetSecret}\n` };
    const killAgain = async (...args: string[]): Promise<CliOutcome> => {
      const shown = await service.acquire('import');
      const kill = startCli(['kill', 'import', '--ask', '--within', '20s', ...args], env);
      await kill.says('End it? [y/N] ');
      await shown.release();
      const again = await service.acquire('import');
      kill.answer('y');
      const outcome = await kill.outcome;
      if (args.length === 0) await again.release();
      else await until(() => again.signal.aborted, 'it is lost');
      return outcome;
    };
    const kept = await killAgain();
    expect([kept.status, kept.stdout]).toEqual([67, expect.stringContaining('was not ended')]);
    expect(kept.stdout).toContain(
      'reports that it has released "import" and taken it again since it was shown.',
    );
    expect(kept.stdout).toContain('--force ends it all the same');
    expect(await killAgain('--force')).toMatchObject({ status: 0 });
  });

  it('names the missing privilege, and ends no holder', async () => {
    const role = `${database.name}_operator`;
    await database.query(`CREATE ROLE ${role} LOGIN PASSWORD 'operator'`);
    defer(() => database.query(`DROP ROLE ${role}`));
    const url = new URL(database.url);
    url.username = role;
    url.password = 'operator';
    const kill = () => startCli(['kill', '--key', '7', '--yes'], { DATABASE_URL: url.href }).outcome;
    const holder = await hold('psql');

    expect(await kill()).toMatchObject({
      status: 77,
      stdout: '',
      stderr: expect.stringContaining('It needs pg_read_all_stats, and pg_signal_backend') as unknown,
    });
    await database.query(`GRANT pg_read_all_stats TO ${role}`);
    expect(await kill()).toMatchObject({
      status: 77,
      stdout: expect.stringContaining('was not ended: the role may not do that.') as unknown,
    });
    expect(await holderPids()).toEqual([holder.pid]);
  });

  it.each([
    [['--key', 'seven'], '--key must be a whole number'],
    [['import', '--key', '7'], '--key takes the place of the name'],
    [['import', '--pid', 'one'], '--pid must be a whole number'],
    [['import', '--pid', '1', '--all'], '--pid and --all contradict each other'],
    [[], 'The name of the lock is missing'],
  ])('refuses %j', async (args, message) => {
    const { status, stderr } = await outcomeOf('kill', ...args);
    expect(status).toBe(64);
    expect(stderr).toContain(message);
  });
});
