import { expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../sample-app/postgres/server.js';
import { defer } from '../support/cleanup.js';
import { useTestDatabase } from '../support/test-database.js';
import { requireFreshBuild } from './fresh-build.js';

const launcher = fileURLToPath(new URL('../../sample-app/dist/src/fleet/main.js', import.meta.url));
const database = useTestDatabase();

it('the sample as `npm start` runs it, on the built package, starts and ends', async () => {
  requireFreshBuild('library');
  requireFreshBuild('sample');
  const child = spawn(process.execPath, [launcher], {
    env: { ...process.env, PORT: String(await freePort()), DATABASE_URL: database.url, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  defer(async () => {
    child.kill('SIGKILL');
    await exit;
  });

  const lines: string[] = [];
  for await (const line of createInterface(child.stdout)) {
    lines.push(line);
    if (line.includes('stop all')) child.kill('SIGINT');
  }

  expect(lines).toContainEqual(expect.stringMatching(/Dashboard: http/));
  expect(lines.at(-1)).toBe('Every process of the fleet has ended.');
  expect(await exit).toEqual([0, null]);
});
