import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';
import { sourceOf } from './compiled.mjs';

const sources = new Map();
const SCRIPT_PLACE = /(file:\/\/[^\s()]+\.[jt]s):(\d+):(\d+)/g;

/*
 * Shows places of the TypeScript source in stack traces. `--enable-source-maps` does the same, but reads
 * the maps of every module as it is loaded, those of all packages included, which is a fifth of the start
 * of a process.
 */
Error.prepareStackTrace = (error, frames) => {
  const head = Error.prototype.toString.call(error);
  return [head, ...frames.map((frame) => `    at ${String(frame)}`.replace(SCRIPT_PLACE, sourcePlace))].join(
    '\n',
  );
};

function sourcePlace(place, url, line, column) {
  const source = knownSource(fileURLToPath(url));
  const entry = source?.map.findEntry(Number(line) - 1, Number(column) - 1);
  if (entry?.originalLine === undefined) return place;
  return `${source.path}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
}

function knownSource(path) {
  if (!sources.has(path)) {
    const source = sourceOf(path);
    sources.set(path, source && { path: source.path, map: new SourceMap(source.map) });
  }
  return sources.get(path);
}
