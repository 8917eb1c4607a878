import { describe, expect, it } from '@jest/globals';
import type { ServerResponse } from 'node:http';
import { Controller, Post, Res } from '@nestjs/common';
import { AdvisoryLockService } from 'nestjs-advisory-lock';
import { untilClosed } from '../../sample-app/src/until-closed.js';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { lockedApp, type Platform, serve } from './support/applications.js';

const database = useTestDatabase();
const outcomes: unknown[] = [];

@Controller('reports')
class Reports {
  constructor(private readonly locks: AdvisoryLockService) {}

  @Post()
  async write(
    @Res({ passthrough: true }) response: ServerResponse | { raw: ServerResponse },
  ): Promise<string> {
    const signal = untilClosed('raw' in response ? response.raw : response);
    try {
      return await this.locks.withLock('report', () => 'written', { waitMs: Infinity, signal });
    } catch (error) {
      outcomes.push(error);
      throw error;
    }
  }
}

describe.each<Platform>(['express', 'fastify'])('a handler of %s that waits for a lock', (platform) => {
  it('waits no more when its client has left', async () => {
    const { url } = await serve(platform, lockedApp(database, { controllers: [Reports] }));
    const held = await createLocks(database.url).service.acquire('report');
    const client = new AbortController();
    const response = fetch(`${url}/reports`, { method: 'POST', signal: client.signal });
    const queue = async () => (await database.advisoryLocks()).filter(({ granted }) => !granted);
    await until(async () => (await queue()).length === 1, 'the handler waits');
    client.abort();
    await expect(response).rejects.toMatchObject({ name: 'AbortError' });
    await until(async () => (await queue()).length === 0, 'the handler waits no more');
    await until(() => outcomes.length === 1, 'the handler is through');
    expect(outcomes.pop()).toMatchObject({ name: 'AbortError' });
    await held.release();
    expect(await (await fetch(`${url}/reports`, { method: 'POST' })).text()).toBe('written');
  });
});
