import { describe, expect, it } from '@jest/globals';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defer } from '../../support/cleanup.js';
import { startWorker } from '../../support/processes.js';
import { until } from '../../support/until.js';

describe('a last will', () => {
  it('is executed when its process is killed, last in, first out, without revoked commands', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'test-last-will-'));
    defer(() => rm(folder, { recursive: true }));
    const worker = startWorker(new URL('./workers/testator.ts', import.meta.url), { args: [folder] });
    expect(await worker.exited).toMatchObject({ signal: 'SIGKILL' });
    await until(() => existsSync(join(folder, 'executed')), 'the will is executed');
    expect(await readFile(join(folder, 'log'), 'utf8')).toBe('third\nfirst\n');
  });
});
