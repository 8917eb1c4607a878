import { readFile } from 'node:fs/promises';

/** From here to `package.json`: in the sources, and in the build, where `dist` is one folder more. */
const PLACES = ['../../package.json', '../../../package.json'];

/** The version of this package. */
export async function packageVersion(): Promise<string> {
  for (const place of PLACES) {
    const text = await readFile(new URL(place, import.meta.url), 'utf8').catch(() => '{}');
    const { version } = JSON.parse(text) as { readonly version?: string };
    if (version !== undefined) return version;
  }
  throw new Error(`There is no version in ${PLACES.join(' or ')}, as seen from ${import.meta.url}.`);
}
