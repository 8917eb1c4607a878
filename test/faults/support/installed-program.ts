import { execFileSync } from 'node:child_process';

/** The path of a pooler, which Debian installs where the shells of users do not look. */
export function installedProgram(name: 'pgbouncer' | 'pgpool'): string {
  try {
    return execFileSync('sh', ['-c', `command -v ${name}`], {
      encoding: 'utf8',
      env: { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin` },
    }).trim();
  } catch {
    const debianPackage = name === 'pgpool' ? 'pgpool2' : name;
    throw new Error(
      `There is no ${name} on this machine: apt-get install -y --no-install-recommends ${debianPackage}`,
    );
  }
}
