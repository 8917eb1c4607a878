import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import semver from 'semver';
import { requireFreshBuild } from './fresh-build.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fixtures = fileURLToPath(new URL('./fixtures', import.meta.url));

/** The compiler that is installed here, which a linked consumer has none of. */
export const TSC = createRequire(import.meta.url).resolve('typescript/bin/tsc');

export interface Tarball {
  path: string;
  files: string[];
}

/** Packs what `npm publish` would send, from the build that is there. */
export async function packLibrary(folder: string): Promise<Tarball> {
  requireFreshBuild('library');
  const report = await run(root, 'npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]);
  const [packed] = JSON.parse(report) as [{ filename: string; files: { path: string }[] }];
  return { path: join(folder, packed.filename), files: packed.files.map((file) => file.path) };
}

/**
 * A copy of the fixture in `folder` with its dependencies, pinned by its lock file, and the packed library.
 */
export async function installConsumer(fixture: string, tarball: Tarball, folder: string): Promise<string> {
  const app = join(folder, fixture);
  await cp(join(fixtures, fixture), app, { recursive: true });
  const quick = ['--no-save', '--no-audit', '--no-fund', '--prefer-offline'];
  await run(app, 'npm', ['install', ...quick, tarball.path]);
  return app;
}

/**
 * Like {@link installConsumer}, with the packages that are installed here: nothing is downloaded. A version
 * that the library does not allow is an error as well. The library lies in the folder of the application, so
 * it finds what the application declares, and nothing else.
 */
export async function linkConsumer(fixture: string, tarball: Tarball, folder: string): Promise<string> {
  const app = join(folder, fixture);
  const library = join(app, 'node_modules/nestjs-advisory-lock');
  await cp(join(fixtures, fixture), app, { recursive: true });
  await mkdir(library, { recursive: true });
  await run(library, 'tar', ['-xzf', tarball.path, '--strip-components=1']);
  const { dependencies, peerDependencies } = await packageOf(library);
  for (const name of Object.keys({ ...(await packageOf(app)).dependencies, ...dependencies })) {
    const link = join(app, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(root, 'node_modules', name), link);
    const { version } = await packageOf(link);
    const range = peerDependencies[name] ?? dependencies[name] ?? '*';
    if (!semver.satisfies(version, range))
      throw new Error(`The library wants ${name} ${range}, and ${version} is installed.`);
  }
  return app;
}

interface Package {
  version: string;
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
}

async function packageOf(folder: string): Promise<Package> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Package;
}

/**
 * Runs a command in a folder and returns its standard output; a failure shows all that the command had said.
 */
export function run(cwd: string, command: string, args: string[], env = {}): Promise<string> {
  // The flags that this jest runs with are not those of the consumers.
  const environment = { ...process.env, NODE_OPTIONS: '', ...env };
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd, env: environment }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command} ${args.join(' ')} failed:\n${stdout}\n${stderr}`));
    });
  });
}
