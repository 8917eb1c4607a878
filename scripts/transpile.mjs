import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { swcOptions } from './swc-options.mjs';

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('..', import.meta.url));
const cache = join(root, 'node_modules/.cache/typescript');
const { version } = require('@swc/core/package.json');

/**
 * A TypeScript file as JavaScript. Tests start hundreds of processes that load the same files, so the result
 * is kept: one file per source, which ends with the hash of what it was made from. A process that finds
 * everything there does not even load swc.
 */
export async function transpile(path) {
  const source = readFileSync(path, 'utf8');
  const hash = createHash('sha256')
    .update(JSON.stringify([version, swcOptions, path, source]))
    .digest('hex');
  const seal = `\n// ${hash}\n`;
  const keptPath = keptPathOf(path);
  const kept = readIfThere(keptPath);
  if (kept?.endsWith(seal)) return kept;
  const { code } = await require('@swc/core').transform(source, { ...swcOptions, filename: path });
  const sealed = code + seal;
  keep(keptPath, sealed);
  return sealed;
}

/** The source map of a file that this process has loaded. */
export function keptSourceMap(path) {
  const [, data] =
    /\n\/\/# sourceMappingURL=data:[^,]+;base64,(\S+)/.exec(readIfThere(keptPathOf(path)) ?? '') ?? [];
  return data && JSON.parse(Buffer.from(data, 'base64').toString());
}

const keptPathOf = (path) => join(cache, `${relative(root, path).replaceAll(/[\\/]/g, '+')}.mjs`);

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Replaced in one step: other processes read it at the same time. */
function keep(path, text) {
  const next = `${path}.${process.pid}`;
  try {
    mkdirSync(cache, { recursive: true });
    writeFileSync(next, text);
    renameSync(next, path);
  } catch {
    // A checkout that cannot be written to is only slower.
  }
}
