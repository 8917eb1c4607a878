import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { ServerUser } from '../../../sample-app/postgres/binaries.js';
import { createCluster } from '../../../sample-app/postgres/server.js';
import { clusterTemplateFolder } from '../../support/cluster-template-folder.js';

/** Where a new server has its data from. */
export interface ClusterSource {
  readonly password: string;
  readonly copyTo: (dataFolder: string) => Promise<unknown>;
}

/**
 * In a run of tests, the one cluster that its first server has made: `initdb` takes 1.4 s of CPU, a copy of
 * what it makes 0.2 s.
 */
export async function clusterSource(initdb: string, user: ServerUser): Promise<ClusterSource> {
  const { TEST_DATABASE_PREFIX: run } = process.env;
  if (!run) return newCluster(initdb, user);
  const template = clusterTemplateFolder(run);
  if (!existsSync(template)) await createTemplate(initdb, template, user);
  return {
    password: await readFile(join(template, 'password'), 'utf8'),
    copyTo: (dataFolder) => promisify(execFile)('cp', ['-a', join(template, 'data'), dataFolder]),
  };
}

function newCluster(initdb: string, user: ServerUser): ClusterSource {
  const password = randomBytes(16).toString('hex');
  return {
    password,
    copyTo: (dataFolder) => createCluster(initdb, dataFolder, password, user, dirname(dataFolder)),
  };
}

/** In one step for others: another process may do the same at the same time, and the first one wins. */
async function createTemplate(initdb: string, template: string, user: ServerUser): Promise<void> {
  const folder = await mkdtemp(`${template}-`);
  try {
    if (user.uid !== undefined && user.gid !== undefined) await chown(folder, user.uid, user.gid);
    await newCluster(initdb, user).copyTo(join(folder, 'data'));
    await rename(folder, template);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    if (!existsSync(template)) throw error;
  }
}
