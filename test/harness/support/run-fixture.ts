import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const jest = fileURLToPath(new URL('../../../node_modules/jest/bin/jest.js', import.meta.url));
const config = fileURLToPath(new URL('../fixtures/jest/jest.config.mjs', import.meta.url));
const NODE_FLAGS = ['--experimental-vm-modules', '--no-warnings=ExperimentalWarning'];

export interface FixtureRun {
  readonly status: number | null;
  /** All that it prints, the report of Jest included. */
  readonly output: string;
}

/** Runs Jest on spec files of the fixture. */
export async function runFixture(files: string[], env: NodeJS.ProcessEnv = {}): Promise<FixtureRun> {
  const args = [...NODE_FLAGS, jest, '--config', config, '--runInBand', ...files];
  const child = spawn(process.execPath, args, { env: { ...process.env, CI: '', NO_COLOR: '1', ...env } });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { status: child.exitCode, output: stdout + stderr };
}
