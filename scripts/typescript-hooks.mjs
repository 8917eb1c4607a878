import { fileURLToPath, pathToFileURL } from 'node:url';
import { compiled } from './compiled.mjs';

/*
 * The loader of `typescript.mjs`: what is to be run is compiled with all that it could import. The name
 * of the package is its source there, unless LIBRARY=built asks for the build in `dist`.
 */
const root = new URL('..', import.meta.url).href;
const isSource = (url) => url.startsWith(root) && url.endsWith('.ts');
const usesBuild = process.env.LIBRARY === 'built';

export async function resolve(specifier, context, next) {
  if (usesBuild && /^nestjs-advisory-lock(\/[a-z]+)?$/.test(specifier)) {
    return next(specifier, { ...context, parentURL: import.meta.url });
  }
  if (context.parentURL === undefined && isSource(specifier)) {
    return next(pathToFileURL(compiled(fileURLToPath(specifier))).href, context);
  }
  return next(specifier, context);
}
