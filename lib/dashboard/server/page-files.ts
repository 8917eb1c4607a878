import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { LockConfigurationError } from '../../core/index.js';
import { PAGE_FOLDER } from './page-folder.cjs';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

export interface PageFile {
  readonly contentType: string;
  readonly text: string;
}

/** The page, a template, and the files that it loads, by name. */
export interface PageFiles {
  readonly page: string;
  readonly assets: ReadonlyMap<string, PageFile>;
}

/**
 * Reads all files at once: there are few, and no name from a request becomes a path.
 *
 * @throws `LockConfigurationError` (`LOCK_CONFIGURATION`) when they are not there.
 */
export function readPageFiles(folder = PAGE_FOLDER): PageFiles {
  const assets = new Map<string, PageFile>();
  try {
    for (const name of readdirSync(folder)) {
      const contentType = CONTENT_TYPES[extname(name)];
      if (contentType !== undefined && name !== 'page.html')
        assets.set(name, { contentType, text: readFileSync(join(folder, name), 'utf8') });
    }
    return { page: readFileSync(join(folder, 'page.html'), 'utf8'), assets };
  } catch (cause) {
    throw new LockConfigurationError(
      `The files of the dashboard's page are not in ${folder}. ` +
        'When the application is bundled, leave nestjs-advisory-lock out of the bundle (`externals`).',
      { cause },
    );
  }
}

/**
 * The beginning of the page's links, by the URL that it was requested with. It is relative, because a proxy
 * may have removed the beginning of the path, which the server cannot know.
 */
export function linkBaseOf(url: string): string {
  const [path = ''] = url.split(/[?#]/, 1);
  const lastPart = path.slice(path.lastIndexOf('/') + 1);
  return lastPart === '' ? './' : `./${encodeURIComponent(decoded(lastPart))}/`;
}

/** The page with its links filled in. */
export function pageAt(page: string, url: string): string {
  return page.replaceAll('{{base}}', () => linkBaseOf(url));
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
