import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** A runtime at a pinned version, as an npm package has it. */
export interface Runtime {
  /** By which it is chosen on the command line: `node-22`. */
  readonly id: string;
  /** As the table shows it. */
  readonly title: string;
  readonly package: string;
  readonly version: string;
  /** The executable in the package. */
  readonly executable: string;
  /** What comes before the program on its command line. */
  readonly args: readonly string[];
}

const { platform, arch } = process;
const cpu = arch === 'arm64' ? 'aarch64' : arch;
const extension = platform === 'win32' ? '.exe' : '';

const node = (major: number, version: string): Runtime => ({
  id: `node-${major}`,
  title: `Node ${version}`,
  package: `node-${platform === 'win32' ? 'win' : platform}-${arch}`,
  version,
  executable: `bin/node${extension}`,
  args: [],
});

export const RUNTIMES: readonly Runtime[] = [
  node(20, '20.20.2'),
  node(22, '22.23.5'),
  node(24, '24.22.3'),
  node(26, '26.12.1'),
  {
    id: 'bun',
    title: 'Bun 1.4.5',
    package: `@oven/bun-${platform === 'win32' ? 'windows' : platform}-${cpu}`,
    version: '1.4.5',
    executable: `bin/bun${extension}`,
    args: ['run'],
  },
  {
    id: 'deno',
    title: 'Deno 2.9.6',
    package: `@deno/${platform}-${arch}${platform === 'linux' ? '-glibc' : ''}`,
    version: '2.9.6',
    executable: `deno${extension}`,
    args: ['run', '--quiet', '--allow-all', '--node-modules-dir=manual'],
  },
];

/** The executable of the runtime. It is installed on first use, into the cache of the user. */
export async function executableOf(runtime: Runtime): Promise<string> {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const folder = join(cache, 'nestjs-advisory-lock', 'smoke', `${runtime.id}-${runtime.version}`);
  const executable = join(folder, 'node_modules', runtime.package, runtime.executable);
  if (existsSync(executable)) return executable;
  await mkdir(folder, { recursive: true });
  const flags = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', folder];
  execFileSync('npm', ['install', ...flags, `${runtime.package}@${runtime.version}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: platform === 'win32',
  });
  return executable;
}
