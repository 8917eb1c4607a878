// Builds the package twice: ES modules and CommonJS, because a Nest 12 application under jest needs the first
// and a Nest 11 application under plain CommonJS jest the second.
import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { rollup } from 'rollup';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = createRequire(import.meta.url).resolve('typescript/lib/tsc.js');

rmSync(`${root}/dist`, { recursive: true, force: true });
for (const project of ['tsconfig.build.json', 'tsconfig.build-cjs.json']) {
  execFileSync(process.execPath, [tsc, '-p', project], { cwd: root, stdio: 'inherit' });
}
// TypeORM is an optional peer. Where it is not installed its types are `any`, and no declaration is an error.
for (const path of readdirSync(`${root}/dist`, { recursive: true })) {
  if (!path.endsWith('.d.ts')) continue;
  const declarations = readFileSync(`${root}/dist/${path}`, 'utf8');
  const tolerant = declarations.replace(/^import .* from 'typeorm';$/gm, '// @ts-ignore\n$&');
  if (tolerant !== declarations) writeFileSync(`${root}/dist/${path}`, tolerant);
}
// What is not compiled.
for (const half of ['esm', 'cjs']) {
  for (const name of ['page', 'server/page-folder.cjs']) {
    cpSync(`${root}/lib/dashboard/${name}`, `${root}/dist/${half}/dashboard/${name}`, {
      recursive: true,
      filter: (path) => !path.endsWith('.json'),
    });
  }
}
// A short command takes most of its time to load a hundred small files, so the command line has few. As
// anywhere in the package (`sideEffects` in package.json), a module of which nothing is used is left out.
const cli = `${root}/dist/esm/cli`;
const bundle = await rollup({
  input: `${cli}/main.js`,
  external: (id) => !/^[./]/.test(id),
  treeshake: { moduleSideEffects: false },
  // Of a circular import or a missing export, say.
  onwarn: (warning) => {
    throw new Error(warning.message);
  },
});
rmSync(cli, { recursive: true });
await bundle.write({ dir: cli, format: 'es', chunkFileNames: '[name].js' });
writeFileSync(`${root}/dist/cjs/package.json`, '{ "type": "commonjs" }\n');
