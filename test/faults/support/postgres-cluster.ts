import { execFile } from 'node:child_process';
import { appendFile, chown, cp, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { binariesFor, serverUser } from '../../../sample-app/postgres/binaries.js';
import { freePort } from '../../../sample-app/postgres/server.js';
import { withClient } from '../../support/admin.js';
import { until } from '../../support/until.js';
import { clusterSource } from './cluster-template.js';
import type { Namespace } from './namespace.js';
import { PostgresNode } from './postgres-node.js';

export interface PrimaryOptions {
  /** More arguments for `postgres`, such as `['-c', 'max_connections=5']`. */
  readonly flags?: string[];
  /** Where it runs and listens. Default: on loopback. */
  readonly namespace?: Namespace;
}

const user = serverUser();

/** A server of its own, that can break. */
export async function startPrimary({ flags = [], namespace }: PrimaryOptions = {}): Promise<PostgresNode> {
  const folder = await createFolder();
  const bin = await binariesFor(user, folder);
  const postgres = join(bin, 'postgres');
  const { password, copyTo } = await clusterSource(join(bin, 'initdb'), user);
  const node = new PostgresNode({
    program: namespace?.programInside(postgres, user) ?? postgres,
    user: namespace ? {} : user,
    folder,
    host: namespace?.address ?? '127.0.0.1',
    port: await freePort(),
    password,
    flags,
  });
  return started(node, async () => {
    await copyTo(node.dataFolder);
    if (namespace)
      await appendFile(join(node.dataFolder, 'pg_hba.conf'), 'host all all samenet scram-sha-256\n');
  });
}

/** A hot standby of it: streams from it, and serves reads. */
export async function startStandby(primary: PostgresNode): Promise<PostgresNode> {
  const folder = await createFolder();
  const { host, port, password, flags } = primary.options;
  const source = `host=${host} port=${port} user=postgres password=${password}`;
  const standby = new PostgresNode({
    ...primary.options,
    folder,
    port: await freePort(),
    flags: [...flags, '-c', `primary_conninfo=${source}`],
  });
  return started(standby, async () => {
    await copyWhileRunning(primary, standby.dataFolder);
    await writeFile(join(standby.dataFolder, 'standby.signal'), '');
    if (user.uid !== undefined)
      await promisify(execFile)('chown', ['-R', `${user.uid}:${user.gid ?? ''}`, folder]);
  });
}

/** Waits until the standby has replayed everything that the primary has written by now. */
export async function catchUp(primary: PostgresNode, standby: PostgresNode): Promise<void> {
  const position = await withClient(primary.socketUrl, async (client) => {
    const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_lsn() AS lsn');
    return rows[0]?.lsn;
  });
  await withClient(standby.socketUrl, (client) =>
    until(async () => {
      const sql = 'SELECT coalesce(pg_last_wal_replay_lsn() >= $1, false) AS done';
      return (await client.query<{ done: boolean }>(sql, [position])).rows[0]?.done === true;
    }, 'the standby has caught up'),
  );
}

/** The binaries from npm have no `pg_basebackup`; this does the same. */
async function copyWhileRunning(primary: PostgresNode, target: string): Promise<void> {
  await withClient(primary.socketUrl, async (client) => {
    await client.query(`SELECT pg_backup_start('standby', fast => true)`);
    await cp(primary.dataFolder, target, {
      recursive: true,
      filter: (path) => !/\/(postmaster\.(pid|opts)|pg_internal\.init|pgsql_tmp.*)$/.test(path),
    });
    const { rows } = await client.query<{ labelfile: string }>(
      'SELECT labelfile FROM pg_backup_stop(wait_for_archive => false)',
    );
    await writeFile(join(target, 'backup_label'), rows[0]?.labelfile ?? '');
  });
}

/** Root's own temporary folder is often out of reach for the server's user. */
async function createFolder(): Promise<string> {
  const folder = await mkdtemp(join(user.uid === undefined ? tmpdir() : '/tmp', 'test-postgres-'));
  if (user.uid !== undefined && user.gid !== undefined) await chown(folder, user.uid, user.gid);
  return folder;
}

async function started(node: PostgresNode, prepare: () => Promise<void>): Promise<PostgresNode> {
  try {
    await prepare();
    await node.start();
    return node;
  } catch (error) {
    await node.close();
    throw error;
  }
}
