import { beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Injectable, StreamableFile } from '@nestjs/common';
import { get, type IncomingMessage } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';
import { AdvisoryLockService, ExclusiveCron, WithAdvisoryLock } from 'nestjs-advisory-lock';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { isHeld } from './support/advisory-locks.js';
import { lockedApp, type Platform, serve, start } from './support/applications.js';
import { Gate } from './support/gate.js';

const database = useTestDatabase({ connectionsMayStay: true });

const isFree = async () => !(await isHeld(database, 'export'));

let source: PassThrough;
let handlerGate: Gate | undefined;

@Controller()
class Exports {
  @Get('file')
  @WithAdvisoryLock('export')
  async file(): Promise<StreamableFile> {
    await handlerGate?.pass();
    return new StreamableFile(source, { type: 'text/csv' });
  }
}

/** The response, as soon as its head is here. */
async function download(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, resolve).on('error', reject);
  });
}

describe.each<Platform>(['express', 'fastify'])('a file of %s', (platform) => {
  let url: string;

  beforeAll(async () => {
    ({ url } = await serve(platform, lockedApp(database, { controllers: [Exports] })));
  });

  it('keeps the lock while bytes of it are unread, and another download is refused', async () => {
    source = new PassThrough();
    source.write('id,total\n');
    const response = await download(`${url}/file`);
    expect(response.headers['content-type']).toBe('text/csv');
    expect(await isHeld(database, 'export')).toBe(true);
    expect((await fetch(`${url}/file`)).status).toBe(409);
    source.end('1,2\n');
    expect(Buffer.concat(await response.toArray()).toString()).toBe('id,total\n1,2\n');
    await until(isFree, 'the release');
  });

  it('gives the lock back when its client leaves', async () => {
    source = new PassThrough();
    source.write('id,total\n');
    const response = await download(`${url}/file`);
    expect(await isHeld(database, 'export')).toBe(true);
    response.on('error', () => undefined).destroy();
    await until(isFree, 'the release');
    expect(source.destroyed).toBe(true);
  });

  it('gives the lock back when its client has left before there is a file', async () => {
    source = new PassThrough();
    const gate = (handlerGate = new Gate());
    const client = new AbortController();
    const response = fetch(`${url}/file`, { signal: client.signal }).catch((error: unknown) => error);
    await gate.reached;
    handlerGate = undefined;
    client.abort();
    await response;
    // A request that is served is proof that the server has dealt with what came before.
    await fetch(`${url}/nothing`);
    gate.open();
    await until(isFree, 'the release');
  });

  it('gives the lock back when the stream fails', async () => {
    source = new PassThrough();
    source.write('id,total\n');
    const response = await download(`${url}/file`);
    source.destroy(new Error('disk'));
    await expect(response.toArray()).rejects.toThrow();
    await until(isFree, 'the release');
  });
});

@Injectable()
class Rows {
  constructor(readonly locks: AdvisoryLockService) {}

  @WithAdvisoryLock('export')
  rows(): Promise<AsyncGenerator<string | undefined>> {
    const { locks } = this;
    return Promise.resolve(
      (async function* () {
        yield Promise.resolve(locks.current()?.name);
      })(),
    );
  }

  @WithAdvisoryLock('export', { scope: 'transaction' })
  inATransaction(): Promise<Readable> {
    return Promise.resolve(source);
  }

  // As JavaScript may declare it: with its type it does not compile.
  @ExclusiveCron('0 0 1 1 *', { lock: 'export' })
  job(): Promise<unknown> {
    return Promise.resolve(source);
  }
}

describe('a method of a provider', () => {
  let rows: Rows;

  beforeAll(async () => {
    rows = (await start(lockedApp(database, { providers: [Rows] }))).app.get(Rows);
  });

  it('keeps its lock while its generator is read', async () => {
    const values = await rows.rows();
    expect(await isHeld(database, 'export')).toBe(true);
    for await (const name of values) expect(name).toBe('export');
    expect(await isFree()).toBe(true);
  });

  it.each([
    ['inATransaction', "Rows.inATransaction, which has scope: 'transaction', must not resolve to"],
    ['job', 'The job Rows.job must not resolve to'],
  ] as const)('is refused where its stream could not be read under the lock: %s', async (method, message) => {
    source = new PassThrough();
    await expect(rows[method]()).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
      message: expect.stringContaining(message),
    });
    expect(source.destroyed).toBe(true);
    expect(await isFree()).toBe(true);
  });
});

it('a generator cannot be decorated, as nothing of it has run when its call returns', () => {
  class Target {
    async *rows(): AsyncGenerator<number> {
      yield Promise.resolve(1);
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(Target.prototype, 'rows') as PropertyDescriptor;
  const decorate = WithAdvisoryLock('export') as unknown as MethodDecorator;
  expect(() => decorate(Target.prototype, 'rows', descriptor)).toThrow(
    expect.objectContaining({
      code: 'LOCK_CONFIGURATION',
      message: expect.stringContaining('received the generator Target.rows'),
    }),
  );
});
