import { execFile } from 'node:child_process';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requireFreshBuild } from './fresh-build.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fixtures = fileURLToPath(new URL('./fixtures', import.meta.url));

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
