import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';
import { keptSourceMap } from './transpile.mjs';

const maps = new Map();
const TYPESCRIPT_FRAME = /(file:\/\/[^\s()]+\.ts):(\d+):(\d+)/g;

/**
 * Shows places of the TypeScript source in stack traces. `--enable-source-maps` does the
 * same, but reads the maps of every module as it is loaded, those of all packages included,
 * which is a fifth of the start of a process.
 */
export function mapStacks() {
  Error.prepareStackTrace = (error, frames) => {
    const head = Error.prototype.toString.call(error);
    return [
      head,
      ...frames.map((frame) => `    at ${String(frame)}`.replace(TYPESCRIPT_FRAME, sourcePlace)),
    ].join('\n');
  };
}

function sourcePlace(place, url, line, column) {
  const path = fileURLToPath(url);
  const entry = mapOf(path)?.findEntry(Number(line) - 1, Number(column) - 1);
  if (entry?.originalLine === undefined) return place;
  return `${path}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
}

function mapOf(path) {
  if (!maps.has(path)) {
    const payload = keptSourceMap(path);
    maps.set(path, payload && new SourceMap(payload));
  }
  return maps.get(path);
}
