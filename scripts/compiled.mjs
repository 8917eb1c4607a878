import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { swcOptions } from './swc-options.mjs';

/*
 * The TypeScript of this repository as JavaScript, in the same folders: `<root>/lib/index.ts` is
 * `<root>/node_modules/.cache/compiled/lib/index.js` there, and what is no TypeScript is a link. Tests
 * start hundreds of processes. With a loader that compiles each module when it is asked for, each of them
 * spends half of its start on the thread that such a loader runs in (1.9 s of CPU instead of 1.0 for an
 * instance with Nest and TypeORM).
 */
const root = fileURLToPath(new URL('..', import.meta.url));
const output = join(root, 'node_modules/.cache/compiled');
const require = createRequire(import.meta.url);
const FOLDERS = ['lib', 'sample-app', 'scripts', 'test'];
const packageJson = JSON.stringify({
  name: 'nestjs-advisory-lock',
  type: 'module',
  exports: { '.': './lib/index.js', './*': './lib/*/index.js' },
});

/** The JavaScript of a TypeScript file, newly made where the source has changed. */
export function compiled(path) {
  const script = path.replace(/\.ts$/, '.js');
  if (path.startsWith(output)) return script;
  if (process.env.SOURCES_ARE_COMPILED !== root) bringUpToDate();
  return join(output, relative(root, script));
}

/**
 * The source of compiled JavaScript, which the loader gives the name of its source, and the map between
 * them.
 */
export function sourceOf(loaded) {
  const path = loaded.endsWith('.ts') ? compiled(loaded) : loaded;
  if (!path.startsWith(output)) return undefined;
  const [, data] = /\n\/\/# sourceMappingURL=data:[^,]+;base64,(\S+)/.exec(readFileSync(path, 'utf8')) ?? [];
  if (data === undefined) return undefined;
  return {
    path: join(root, relative(output, path).replace(/\.js$/, '.ts')),
    map: JSON.parse(Buffer.from(data, 'base64').toString()),
  };
}

/** Once for this process and those that it starts: a look at all files takes half a second of CPU. */
function bringUpToDate() {
  const { version } = require('@swc/core/package.json');
  const madeBy = createHash('sha256')
    .update(
      JSON.stringify([root, version, swcOptions, packageJson, readFileSync(fileURLToPath(import.meta.url))]),
    )
    .digest('hex');
  if (textOf(join(output, 'made-by')) !== madeBy) {
    rmSync(output, { recursive: true, force: true });
    for (const folder of FOLDERS) mkdirSync(join(output, folder), { recursive: true });
    replace(join(output, 'package.json'), packageJson);
    replace(join(output, 'made-by'), madeBy);
  }
  for (const folder of FOLDERS) bringFolderUpToDate(join(root, folder), join(output, folder));
  process.env.SOURCES_ARE_COMPILED = root;
}

function bringFolderUpToDate(source, target) {
  mkdirSync(target, { recursive: true });
  for (const entry of readdirSync(source, { withFileTypes: true })) {
    const from = join(source, entry.name);
    const to = join(target, entry.name);
    if (entry.isDirectory() && !isPackage(from)) {
      if (!['dist', 'node_modules'].includes(entry.name)) bringFolderUpToDate(from, to);
    } else if (/(?<!\.d)\.ts$/.test(entry.name)) compile(from, to.replace(/ts$/, 'js'));
    else link(from, to);
  }
}

function compile(from, to) {
  const { mtime } = statSync(from);
  if (statSync(to, { throwIfNoEntry: false })?.mtimeMs === mtime.getTime()) return;
  const source = readFileSync(from, 'utf8');
  const { code } = require('@swc/core').transformSync(source, { ...swcOptions, filename: from });
  replace(to, code, mtime);
}

/** In one step: other processes read it at the same time. */
function replace(path, text, mtime) {
  const next = `${path}.${process.pid}`;
  writeFileSync(next, text);
  if (mtime) utimesSync(next, mtime, mtime);
  renameSync(next, path);
}

function link(from, to) {
  if (lstatSync(to, { throwIfNoEntry: false })) return;
  try {
    symlinkSync(from, to);
  } catch (error) {
    // Another process was faster.
    if (error.code !== 'EEXIST') throw error;
  }
}

const isPackage = (folder) => statSync(join(folder, 'package.json'), { throwIfNoEntry: false }) !== undefined;

function textOf(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
