import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { compiled } from './compiled.mjs';

/*
 * The loader of `typescript.mjs`. It resolves what tsconfig.json resolves and no more: `./neighbor.js` is the
 * file `neighbor.ts`, and the name of the package is its source, unless LIBRARY=built asks for the build in
 * `dist`. LIBRARY=/folder asks for the build in that folder: every package is then the one that this build
 * itself gets by the name, so that a process has one Nest and one TypeORM. Modules keep the address of their
 * source, so that scripts find the repository.
 */
const root = new URL('..', import.meta.url);
const isSource = (url) =>
  url?.startsWith(root.href) && url.endsWith('.ts') && !url.includes('/node_modules/');
const { LIBRARY = 'source' } = process.env;
const otherBuild = isAbsolute(LIBRARY) && pathToFileURL(`${LIBRARY}/dist/esm/index.js`).href;
const mapsPackageName = !otherBuild && LIBRARY !== 'built';

export function resolve(specifier, context, next) {
  if (!isSource(context.parentURL)) return next(specifier, context);
  const packagePath = mapsPackageName && /^nestjs-advisory-lock(\/[a-z]+)?$/.exec(specifier);
  if (packagePath) return found(new URL(`lib${packagePath[1] ?? ''}/index.ts`, root));
  if (/^\.{1,2}\/.*\.js$/.test(specifier)) {
    const neighbor = new URL(specifier.replace(/js$/, 'ts'), context.parentURL);
    if (existsSync(neighbor)) return found(neighbor);
  }
  const isPackage = /^[^./]/.test(specifier);
  return next(specifier, isPackage && otherBuild ? { ...context, parentURL: otherBuild } : context);
}

export async function load(url, context, next) {
  if (!isSource(url)) return next(url, context);
  const source = readFileSync(compiled(fileURLToPath(url)), 'utf8');
  return { format: 'module', source, shortCircuit: true };
}

const found = ({ href }) => ({ url: href, format: 'module', shortCircuit: true });
