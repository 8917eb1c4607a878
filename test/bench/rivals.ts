import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('./rivals/', import.meta.url));
const require = createRequire(`${folder}package.json`);

/** The rivals are a package of their own, so that work on the library does not need them installed. */
export function installRivals(): void {
  if (existsSync(`${folder}node_modules`)) return;
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'inherit' });
}

/** They may not be installed when this is compiled, so each importer declares the part that it needs. */
export function requireRival<T>(name: string): T {
  return require(name) as T;
}

interface Redis {
  dbsize(): Promise<number>;
  quit(): Promise<void>;
}

export function openRedis(url: string): Redis {
  const { Redis } = requireRival<{ Redis: new (url: string) => Redis }>('ioredis');
  return new Redis(url);
}
