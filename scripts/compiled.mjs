import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
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
const PACKAGES = join(root, 'node_modules/.package-lock.json');
const BUNDLER = join(root, 'scripts/bundle-packages.mjs');
const SELF = fileURLToPath(import.meta.url);
/** Is there when the bundle is of these modules. */
const BUNDLED = join(output, 'bundled');
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
  const map = textOf(`${path}.map`);
  if (map === undefined) return undefined;
  return { path: join(root, relative(output, path).replace(/\.js$/, '.ts')), map: JSON.parse(map) };
}

/** Once for this process and those that it starts: a look at all files takes half a second of CPU. */
export function bringUpToDate() {
  const { version } = require('@swc/core/package.json');
  const made = [root, version, swcOptions, packageJson, textOf(PACKAGES), textOf(BUNDLER), textOf(SELF)];
  const madeBy = createHash('sha256').update(JSON.stringify(made)).digest('hex');
  if (textOf(join(output, 'made-by')) !== madeBy) {
    rmSync(output, { recursive: true, force: true });
    for (const folder of FOLDERS) mkdirSync(join(output, folder), { recursive: true });
    replace(join(output, 'package.json'), packageJson);
    replace(join(output, 'made-by'), madeBy);
  }
  for (const folder of FOLDERS) {
    // They may import something else now.
    if (bringFolderUpToDate(join(root, folder), join(output, folder))) rmSync(BUNDLED, { force: true });
  }
  if (!existsSync(BUNDLED) && existsSync(join(root, 'node_modules/esbuild'))) {
    execFileSync(process.execPath, [BUNDLER, output], { stdio: 'inherit', env: {} });
    replace(BUNDLED, '');
  }
  process.env.SOURCES_ARE_COMPILED = root;
}

/** Whether any module was compiled, or removed. */
function bringFolderUpToDate(source, target) {
  let hasChanged = false;
  const wanted = new Set();
  mkdirSync(target, { recursive: true });
  for (const entry of readdirSync(source, { withFileTypes: true })) {
    const from = join(source, entry.name);
    const to = join(target, entry.name);
    if (entry.isDirectory() && !isPackage(from)) {
      if (['dist', 'node_modules'].includes(entry.name)) continue;
      wanted.add(entry.name);
      if (bringFolderUpToDate(from, to)) hasChanged = true;
    } else if (!/(?<!\.d)\.ts$/.test(entry.name)) {
      wanted.add(entry.name);
      link(from, to);
    } else {
      const script = entry.name.replace(/ts$/, 'js');
      wanted.add(script).add(`${script}.map`);
      if (compile(from, join(target, script))) hasChanged = true;
    }
  }
  for (const name of readdirSync(target)) {
    // What another process is writing ends with its number.
    if (wanted.has(name) || /\.\d+$/.test(name)) continue;
    rmSync(join(target, name), { recursive: true, force: true });
    hasChanged = true;
  }
  return hasChanged;
}

/** Whether it was not done yet. */
function compile(from, to) {
  const { mtime } = statSync(from);
  // What is set in milliseconds is read as a fraction less, or more.
  const made = statSync(to, { throwIfNoEntry: false });
  if (made && Math.abs(made.mtimeMs - mtime.getTime()) < 1) return false;
  const source = readFileSync(from, 'utf8');
  const options = { ...swcOptions, filename: from };
  const { code, map } = require('@swc/core').transformSync(source, options);
  replace(`${to}.map`, map);
  replace(to, code, mtime);
  return true;
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
