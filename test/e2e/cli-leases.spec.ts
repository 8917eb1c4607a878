import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ADVISORY_LEASE_SQL, ADVISORY_ONCE_SQL, type AdvisoryLockService } from 'nestjs-advisory-lock';
import { openDataSource } from '../support/data-source.js';
import { createLocks } from '../support/locks.js';
import { cli, type CliResult } from '../support/run-cli.js';
import { useTestDatabase } from '../support/test-database.js';
import { startCli } from './support/cli-process.js';

const database = useTestDatabase({ connectionsMayStay: true });

const TTL = { ttlMs: 60_000, owner: 'ada' };

const createService = async (): Promise<AdvisoryLockService> =>
  createLocks(database.url, { namespace: 'shop' }, await openDataSource(database.url)).service;

const run = (...args: string[]): Promise<CliResult> =>
  cli([...args, '--namespace', 'shop'], { DATABASE_URL: database.url });

/** As a role that may read and write no table. */
const runAsStranger = (...args: string[]): Promise<CliResult> => {
  const url = new URL(database.url);
  Object.assign(url, { username: 'lease_stranger', password: 'stranger' });
  return cli([...args, '--namespace', 'shop'], { DATABASE_URL: url.href });
};

// The database takes the privileges of the role with it, not the role.
beforeAll(() =>
  database.query(`DROP ROLE IF EXISTS lease_stranger; CREATE ROLE lease_stranger LOGIN PASSWORD 'stranger'`),
);

describe('leases', () => {
  beforeAll(() => database.query(ADVISORY_LEASE_SQL));
  afterEach(() => database.query('TRUNCATE advisory_lease'));

  it('are listed below the locks, or alone', async () => {
    const service = await createService();
    expect((await run('list')).stdout).toBe('0 locks held, 0 wait\n');
    expect(await run('list', '--leases')).toMatchObject({ status: 0, stdout: '0 leases held\n' });
    const { fencingToken } = await service.lease('doc', TTL);
    const lease = new RegExp(`\nLEASE +OWNER +SINCE +UNTIL +FENCING\ndoc +ada +\\S.* +${fencingToken}\n`);
    const { stdout } = await run('list');
    expect(`\n${stdout}`).toMatch(lease);
    expect(stdout).toMatch(/^0 locks held, 0 wait\n\nLEASE/);
    expect(`\n${(await run('list', '--leases')).stdout}`).toMatch(lease);
    expect((await run('list', '--name', 'other')).stdout).toBe('0 locks held, 0 wait\n');
    expect(JSON.parse((await run('list', '--json')).stdout)).toEqual([]);
    expect(JSON.parse((await run('list', '--leases', '--json')).stdout)).toEqual([
      expect.objectContaining({
        name: 'doc',
        owner: 'ada',
        ttlMs: 60_000,
        fencingToken: String(fencingToken),
      }),
    ]);
  });

  it('are explained by why', async () => {
    const service = await createService();
    await service.lease('doc', TTL);
    const { stdout } = await run('why', 'doc');
    expect(stdout).toMatch(/^"doc" is free/);
    expect(stdout).toMatch(
      /\nThere is a lease of that name.*:\nada has held it since .*\.\nTo end it: .* --lease\n$/,
    );
    await database.query('CREATE TABLE other_lease (LIKE advisory_lease INCLUDING ALL)');
    await database.query('INSERT INTO other_lease SELECT * FROM advisory_lease');
    expect((await run('why', 'doc', '--lease-table', 'public.other_lease')).stdout).toMatch(
      /\nTo end it: .* kill doc .*--lease --lease-table public\.other_lease\n$/,
    );
    await database.query('DROP TABLE other_lease');
    const { lease } = JSON.parse((await run('why', 'doc', '--json')).stdout) as { lease: object };
    expect(lease).toMatchObject({ name: 'doc', owner: 'ada' });
  });

  it('are ended by kill --lease, once confirmed', async () => {
    const service = await createService();
    const lease = await service.lease('doc', TTL);
    const args = ['kill', 'doc', '--lease', '--namespace', 'shop'];
    const kill = startCli([...args, '--ask', '--reason', 'a test'], { DATABASE_URL: database.url });
    await kill.says('End it? [y/N] ');
    await lease.extend();
    kill.answer('y');
    const { status, stdout } = await kill.outcome;
    expect(stdout).toMatch(/^This ends the lease "doc": ada has held it since /);
    expect({ status, last: stdout.split('\n').at(-2) }).toEqual({
      status: 0,
      last: expect.stringMatching(/The lease "doc" was ended: a test\.$/),
    });
    await expect(lease.extend()).rejects.toMatchObject({ code: 'LOCK_LOST' });
    expect(await run('kill', 'doc', '--lease', '--yes')).toMatchObject({ status: 1 });
  });

  it('are kept when the reply is no, and when another grant has come since', async () => {
    const service = await createService();
    const lease = await service.lease('doc', TTL);
    const start = () =>
      startCli(['kill', 'doc', '--lease', '--namespace', 'shop', '--ask'], { DATABASE_URL: database.url });
    const [refused, late] = [start(), start()];
    await Promise.all([refused, late].map((kill) => kill.says('End it? [y/N] ')));
    refused.answer('n');
    expect(await refused.outcome).toMatchObject({ status: 1 });
    await lease.extend();
    await lease.release();
    const next = await service.lease('doc', TTL);
    late.answer('y');
    expect(await late.outcome).toMatchObject({ status: 67 });
    await next.extend();
  });

  it('need a name, and the privilege to end them', async () => {
    const service = await createService();
    await service.lease('doc', TTL);
    for (const args of [
      ['kill', '--key', '7', '--lease', '--yes'],
      ['kill', 'doc', '--lease', '--all', '--yes'],
      ['kill', 'doc', '--lease'],
      ['list', '--leases', '--waiting'],
      ['list', '--lease-table', 'lease'],
    ]) {
      expect(await run(...args)).toMatchObject({ status: 64 });
    }
    expect(await runAsStranger('list')).toMatchObject({ status: 0, stdout: '0 locks held, 0 wait\n' });
    expect(await runAsStranger('why', 'doc')).toMatchObject({ status: 0 });
    expect(await runAsStranger('kill', 'doc', '--lease', '--yes')).toMatchObject({ status: 1 });
    await database.query('GRANT SELECT ON advisory_lease TO lease_stranger');
    expect(await runAsStranger('kill', 'doc', '--lease', '--yes')).toMatchObject({ status: 77 });
  });
});

describe('once', () => {
  beforeAll(() => database.query(ADVISORY_ONCE_SQL));

  it('lists what has run, and lets it run again', async () => {
    const service = await createService();
    expect(await run('once', 'list')).toEqual({ status: 0, stdout: 'Nothing is recorded.\n', stderr: '' });
    for (const version of ['', '1', '2']) await service.once('seed', () => undefined, { version });
    const { stdout } = await run('once', 'list');
    expect(stdout).toMatch(/^NAME +VERSION +RAN AT +BY\nseed .*\nseed +1 .*\nseed +2 .*\n$/);
    expect(JSON.parse((await run('once', 'list', '--json')).stdout)).toMatchObject([
      { name: 'seed', version: '' },
      { name: 'seed', version: '1' },
      { name: 'seed', version: '2' },
    ]);
    expect(await run('once', 'reset', 'seed', '--version', '1')).toEqual({
      status: 0,
      stdout: '"seed" (version 1) runs again at its next call.\n',
      stderr: '',
    });
    expect(await service.once('seed', () => undefined, { version: '1' })).toEqual({ ran: true });
    expect(await run('once', 'reset', 'seed', '--version=')).toMatchObject({
      stdout: '"seed" runs again at its next call.\n',
    });
    expect((await run('once', 'reset', 'seed')).stdout.split('\n')).toHaveLength(3);
    expect(await run('once', 'reset', 'seed')).toMatchObject({ status: 1, stdout: '"seed" has not run.\n' });
  });

  it('refuses what it cannot do', async () => {
    for (const args of [
      [],
      ['drop'],
      ['list', 'seed'],
      ['reset'],
      ['reset', 'a', 'b'],
      ['reset', 'a', '--json'],
    ]) {
      expect(await run('once', ...args)).toMatchObject({ status: 64 });
    }
    expect(await run('once', 'list', '--table', 'public.none')).toMatchObject({ status: 0 });
    expect(await run('once', 'reset', 'a', '--table', 'public.none')).toMatchObject({ status: 64 });
    expect(await runAsStranger('once', 'reset', 'a')).toMatchObject({ status: 77 });
  });
});
