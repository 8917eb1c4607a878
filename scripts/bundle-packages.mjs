import { build } from 'esbuild';
import { existsSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/*
 * `node scripts/bundle-packages.mjs <folder>` gives the modules in that folder a `node_modules` of their own:
 * Nest, TypeORM, RxJS and all packages that import one of these, as one bundle in a few files. Every test
 * file and every process that a test starts loads them again: a thousand files for an instance with Nest and
 * TypeORM, which takes 1.7 s of CPU in all, and 0.9 with the bundle. What the bundle does not have is found
 * where it always was, in the `node_modules` of the repository.
 */
const root = fileURLToPath(new URL('..', import.meta.url));
const installed = join(root, 'node_modules');
const [, , folder] = process.argv;
const output = join(folder, 'node_modules');

/** Most of what is loaded. A package that imports one of them must have the same copy of it. */
const LARGE = new Set(['rxjs', 'typeorm', '@nestjs/common', '@nestjs/core']);
/**
 * The parts of these refer to each other in circles that only work in their own order. Jest gives them the
 * bundle of the others, and no process that tests start loads them.
 */
const APART = new Set(['@nestjs/graphql', '@nestjs/apollo']);
const IMPORTED = /(?:\bfrom\s*|\bimport\s*\(?\s*)(['"])((?:@[\w.-]+\/)?[\w-][\w./-]*)\1/g;

const packageOf = (specifier) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
const isBuiltin = (specifier) => specifier.startsWith('node:') || builtinModules.includes(specifier);
/** Of what is behind the name of the package. */
const fileOf = (specifier) => specifier.slice(packageOf(specifier).length + 1) || 'index';
const jsonOf = (packageFolder) => JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8'));

function isBundled(packageFolder) {
  const { name, dependencies, peerDependencies } = jsonOf(packageFolder);
  const imported = [name, ...Object.keys({ ...dependencies, ...peerDependencies })];
  return !APART.has(name) && imported.some((one) => LARGE.has(one));
}

/** The folder in which a module in `from` finds the package, if it is installed. */
function folderOf(name, from) {
  for (let above = from; above !== dirname(above); above = dirname(above)) {
    const candidate = join(above, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return realpathSync(candidate);
  }
  return undefined;
}

/** What the modules of the folder import by name. */
function importsOf(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : importsOf(path);
    if (!/\.m?js$/.test(entry.name)) return [];
    return Array.from(readFileSync(path, 'utf8').matchAll(IMPORTED), ([, , specifier]) => specifier);
  });
}

function isEsm(path) {
  if (/\.[mc]js$/.test(path)) return path.endsWith('.mjs');
  let above = dirname(path);
  while (!existsSync(join(above, 'package.json'))) above = dirname(above);
  return jsonOf(above).type === 'module';
}

/** A module with the exports that Node finds in the one of that name, of whichever kind that is. */
async function reexported(specifier) {
  const from = JSON.stringify(specifier);
  const path = fileURLToPath(import.meta.resolve(specifier));
  if (isEsm(path)) {
    const hasDefault = /\bexport default\b|\bas default\b/.test(readFileSync(path, 'utf8'));
    return `export * from ${from};\n${hasDefault ? `export { default } from ${from};` : ''}`;
  }
  const names = Object.keys(await import(specifier)).filter((name) =>
    /^(?!default$)[A-Za-z_$][\w$]*$/.test(name),
  );
  return `const all = require(${from});\nexport default all;\nexport const { ${names.join(', ')} } = all;`;
}

/** Bundles what is to be bundled, and leaves all other imports as they are. */
function bundledPackages(entries) {
  const leaveOutside = ({ path, kind, resolveDir }) => {
    if (kind === 'entry-point') return { path, namespace: 'entry' };
    if (isBuiltin(path)) return { path, external: true };
    const found = folderOf(packageOf(path), resolveDir);
    if (found === undefined) return { path, external: true };
    // A copy that only this package has would not be found from the bundle.
    const isItsOwn = found !== folderOf(packageOf(path), root);
    return isItsOwn || isBundled(found) ? undefined : { path, external: true };
  };
  return {
    name: 'bundled-packages',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^[^./]/ }, leaveOutside);
      onLoad({ filter: /.*/, namespace: 'entry' }, ({ path }) => ({
        contents: entries.get(path),
        resolveDir: root,
      }));
    },
  };
}

const BANNER = `import { createRequire as requireFrom } from 'node:module';
const require = requireFrom(import.meta.url);`;
const importers = [folder, ...Array.from(APART, (name) => join(installed, name))];
const specifiers = [...new Set(importers.flatMap(importsOf))].filter((specifier) => {
  const found = isBuiltin(specifier) ? undefined : folderOf(packageOf(specifier), root);
  return found !== undefined && isBundled(found);
});
const entries = new Map();
// One after the other: Node fails when a module is required that is being imported.
for (const name of specifiers) entries.set(name, await reexported(name));
rmSync(output, { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: specifiers.map((name) => ({ in: name, out: `${packageOf(name)}/${fileOf(name)}` })),
  chunkNames: '.bundle/[name]-[hash]',
  plugins: [bundledPackages(entries)],
  outdir: output,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // Frameworks read the names of classes.
  keepNames: true,
  minifyWhitespace: true,
  legalComments: 'none',
  treeShaking: false,
  logLevel: 'error',
  banner: { js: BANNER },
});
for (const name of new Set(specifiers.map(packageOf))) {
  const exports = { './package.json': './package.json' };
  for (const specifier of specifiers) {
    if (packageOf(specifier) === name)
      exports[`.${specifier.slice(name.length)}`] = `./${fileOf(specifier)}.mjs`;
  }
  const { version } = jsonOf(folderOf(name, root));
  const json = JSON.stringify({ name, version, type: 'module', exports });
  writeFileSync(join(output, name, 'package.json'), json);
}
