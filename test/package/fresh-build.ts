import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What is built from which folders, and the file that is written last. */
const BUILDS = {
  library: { sources: ['lib'], last: 'dist/cjs/package.json', command: 'npm run build' },
  sample: {
    sources: ['sample-app/src', 'sample-app/postgres'],
    last: 'sample-app/dist/src/main.js',
    command: 'npm run build:sample',
  },
};

/**
 * Throws when there is no build or when its source has changed since: its tests would be about the old code.
 */
export function requireFreshBuild(name: keyof typeof BUILDS): void {
  const { sources, last, command } = BUILDS[name];
  const builtAtMs = changedAtMs(join(root, last));
  const isStale = sources.some((source) => newest(join(root, source)) > builtAtMs);
  if (isStale) throw new Error(`${last} is not there, or older than its source: ${command}`);
}

/** Folders count, too: they change with what is added to them and removed from them. */
function newest(folder: string): number {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path));
  return Math.max(...[folder, ...paths].map(changedAtMs));
}

function changedAtMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
