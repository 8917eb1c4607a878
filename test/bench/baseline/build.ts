import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { type ContenderInfo, THIS_LIBRARY } from '../contender.js';

/** What the contender imports beside the library; it must be what the library itself gets by these names. */
const PEERS = ['@nestjs/common', '@nestjs/core', '@nestjs/typeorm', 'pg', 'reflect-metadata', 'typeorm'];

/** One of the two builds of this library that are compared. */
export interface Build extends ContenderInfo {
  readonly build: string;
  /** The program of the command line. */
  readonly cli: string;
  /** Which versions of what are measured. */
  readonly description: string;
}

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly bin?: Readonly<Record<string, string>>;
}

/** The build in a checkout, or in the folder of an installed package. Throws when it cannot be measured. */
export function findBuild(title: string, path: string): Build {
  // Node finds the peers of a linked package from where it really is.
  const folder = existsSync(path) ? realpathSync(path) : resolve(path);
  const refuse = (found: string, cure: string) =>
    new Error(
      `The folder of "${title}" must have a build of ${THIS_LIBRARY.title} (package.json, ` +
        `dist/esm/index.js, its peers installed), received ${JSON.stringify(folder)}, ${found}. ${cure}`,
    );

  const manifest = readManifest(folder);
  if (manifest?.name !== THIS_LIBRARY.title) {
    throw refuse(
      manifest ? `which is the package ${JSON.stringify(manifest.name)}` : 'which has no package.json',
      'Name the folder of a checkout, or of the installed package.',
    );
  }
  if (!existsSync(join(folder, 'dist/esm/index.js'))) {
    throw refuse('which has no dist/esm/index.js', 'Run `npm install && npm run build` there.');
  }
  const peers = PEERS.map((name) => ({ name, version: installedVersion(folder, name) }));
  const missing = peers.filter(({ version }) => version === undefined).map(({ name }) => name);
  if (missing.length > 0) {
    throw refuse(
      `where ${missing.join(', ')} cannot be found`,
      `Run \`npm install --no-save ${missing.join(' ')}\` there.`,
    );
  }
  const versions = peers.map(({ name, version }) => `${name} ${version ?? ''}`).join(', ');
  return {
    ...THIS_LIBRARY,
    title,
    build: folder,
    cli: join(folder, manifest.bin?.[THIS_LIBRARY.title] ?? 'dist/esm/cli/main.js'),
    description: `${title}: ${manifest.version ?? 'no version'} in ${folder}, with ${versions}`,
  };
}

function readManifest(folder: string): Manifest | undefined {
  const path = join(folder, 'package.json');
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Manifest) : undefined;
}

/** Where Node looks for it; `require.resolve` would need an export for CommonJS. */
function installedVersion(folder: string, name: string): string | undefined {
  const places = createRequire(join(folder, 'package.json')).resolve.paths(name) ?? [];
  for (const place of places) {
    const manifest = readManifest(join(place, name));
    if (manifest !== undefined) return manifest.version;
  }
  return undefined;
}
