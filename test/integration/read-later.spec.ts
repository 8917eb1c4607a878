import { describe, expect, it } from '@jest/globals';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openDataSource } from '../support/data-source.js';
import { createLocks } from '../support/locks.js';
import { terminateHolders } from '../support/terminate-holders.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const database = useTestDatabase();
const isHeld = async () => (await database.advisoryLocks()).length === 1;
const isFree = async () => (await database.advisoryLocks()).length === 0;
const lost = { code: 'LOCK_LOST' };

async function* numbers(count = 3): AsyncGenerator<number, string> {
  for (let n = 1; n <= count; n += 1) yield Promise.resolve(n);
  return 'through';
}

function webStream(count = 3): ReadableStream<number> {
  let n = 0;
  return new ReadableStream({
    pull: (controller) => {
      if ((n += 1) > count) controller.close();
      else controller.enqueue(n);
    },
  });
}

class Rows implements AsyncIterable<number> {
  constructor(readonly table: string) {}

  [Symbol.asyncIterator](): AsyncIterator<number> {
    return numbers();
  }
}

const mine = () => createLocks(database.url).service;
const locked = <T>(value: T, name = 'export'): Promise<T> => mine().withLock(name, () => value);

describe('a stream of Node that a body resolves to', () => {
  it('keeps the lock until its end, and is the very stream', async () => {
    const stream = Readable.from(['a', 'b']);
    expect(await locked(stream)).toBe(stream);
    expect(await isHeld()).toBe(true);
    expect(await text(stream)).toBe('ab');
    await until(isFree, 'the release');
  });

  it('keeps it for tryWithLock, too, and as what a StreamableFile has', async () => {
    const stream = Readable.from(['a']);
    const file = { getStream: () => stream, getHeaders: () => ({}), setErrorHandler: () => undefined };
    const outcome = await mine().tryWithLock('export', () => file);
    expect(outcome).toEqual({ acquired: true, value: file });
    expect(await isHeld()).toBe(true);
    stream.resume();
    await until(isFree, 'the release');
  });

  it.each([
    ['is destroyed', (stream: Readable) => stream.destroy()],
    ['fails', (stream: Readable) => stream.on('error', () => undefined).destroy(new Error('disk'))],
    [
      'fails without closing',
      (stream: Readable) => stream.on('error', () => undefined).emit('error', new Error('disk')),
    ],
  ])('gives the lock back when it %s', async (_, end) => {
    const stream = await locked(new PassThrough());
    expect(await isHeld()).toBe(true);
    end(stream);
    await until(isFree, 'the release');
  });

  it('keeps nothing when it has ended before', async () => {
    const stream = Readable.from(['a']);
    await text(stream);
    await locked(stream);
    expect(await isFree()).toBe(true);
  });

  it('fails with the loss of the lock', async () => {
    const stream = await locked(new PassThrough());
    const reading = text(stream).catch((error: unknown) => error);
    await terminateHolders(database);
    expect(await reading).toMatchObject(lost);
  });

  it('that no code listens to ends with the lock, without ending the process', async () => {
    const stream = await locked(new PassThrough());
    await terminateHolders(database);
    await until(() => stream.destroyed, 'the end');
  });
});

describe('a web stream that a body resolves to', () => {
  it('keeps the lock until its end', async () => {
    const stream = await locked(webStream());
    const reader = stream.getReader();
    expect(await reader.read()).toEqual({ done: false, value: 1 });
    expect(await isHeld()).toBe(true);
    await reader.read();
    await reader.read();
    expect(await reader.read()).toEqual({ done: true, value: undefined });
    expect(await isFree()).toBe(true);
  });

  it('of bytes is still one, which a reader fills its own buffer from', async () => {
    const { body } = new Response('bytes');
    const reader = (await locked(body as ReadableStream<Uint8Array>)).getReader({ mode: 'byob' });
    const { value } = await reader.read(new Uint8Array(16));
    expect(Buffer.from(value ?? []).toString()).toBe('bytes');
    expect(await isHeld()).toBe(true);
    expect((await reader.read(new Uint8Array(16))).done).toBe(true);
    expect(await isFree()).toBe(true);
  });

  it('gives the lock back when it is canceled, or fails', async () => {
    let reason: unknown;
    const source = new ReadableStream({ cancel: (why) => void (reason = why) });
    await (await locked(source)).cancel('enough');
    expect(reason).toBe('enough');
    expect(await isFree()).toBe(true);
    const failing = new ReadableStream({ pull: () => Promise.reject(new Error('disk')) });
    await expect((await locked(failing)).getReader().read()).rejects.toThrow('disk');
    expect(await isFree()).toBe(true);
  });

  it('fails with the loss of the lock', async () => {
    const reader = (await locked(new ReadableStream())).getReader();
    const reading = reader.read().catch((error: unknown) => error);
    await terminateHolders(database);
    expect(await reading).toMatchObject(lost);
  });

  it('is refused when it has a reader already', async () => {
    const stream = webStream();
    stream.getReader();
    await expect(locked(stream)).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
    expect(await isFree()).toBe(true);
  });
});

describe('an async generator that a body resolves to', () => {
  it('keeps the lock until its end, and runs inside it', async () => {
    const service = mine();
    async function* inside(): AsyncGenerator<string | undefined> {
      service.assertHeld('export');
      yield service.current()?.name;
      await expect(service.acquire('export')).rejects.toMatchObject({
        code: 'LOCK_REENTERED',
        heldBy: expect.stringContaining('the body `'),
      });
    }
    const values = await service.withLock('export', () => inside());
    expect(await isHeld()).toBe(true);
    expect(await values.next()).toEqual({ done: false, value: 'export' });
    expect(await isHeld()).toBe(true);
    expect(await values.next()).toEqual({ done: true, value: undefined });
    expect(await isFree()).toBe(true);
    expect(await values.next()).toEqual({ done: true, value: undefined });
  });

  it('passes on what it returns', async () => {
    const values = await locked(numbers(1));
    expect([await values.next(), await values.next()]).toEqual([
      { done: false, value: 1 },
      { done: true, value: 'through' },
    ]);
  });

  it('gives the lock back when its reader leaves', async () => {
    let isCleanedUp = false;
    async function* endless(): AsyncGenerator<number> {
      try {
        for (let n = 1; ; n += 1) yield Promise.resolve(n);
      } finally {
        isCleanedUp = true;
      }
    }
    for await (const n of await locked(endless())) if (n === 2) break;
    expect(isCleanedUp).toBe(true);
    expect(await isFree()).toBe(true);
  });

  it('gives the lock back when it fails, or its reader throws into it', async () => {
    async function* failing(): AsyncGenerator<number> {
      yield Promise.resolve(1);
      throw new Error('disk');
    }
    const values = await locked(failing());
    await values.next();
    await expect(values.next()).rejects.toThrow('disk');
    expect(await isFree()).toBe(true);
    await expect((await locked(numbers())).throw(new Error('mine'))).rejects.toThrow('mine');
    expect(await isFree()).toBe(true);
  });

  it('ends with the loss of the lock', async () => {
    const values = await locked(numbers());
    await values.next();
    await terminateHolders(database);
    await until(isFree, 'the loss');
    await until(
      () =>
        values.next().then(
          () => false,
          (error: unknown) => (error as { code?: string }).code === 'LOCK_LOST',
        ),
      'the reader is notified',
    );
  });
});

describe('another async iterable that a body resolves to', () => {
  it('keeps the lock for its first reader, and is refused to the next', async () => {
    const rows = await locked(new Rows('orders'));
    expect(rows).toBeInstanceOf(Rows);
    expect(rows.table).toBe('orders');
    expect(await isHeld()).toBe(true);
    const seen: number[] = [];
    for await (const n of rows) {
      expect(await isHeld()).toBe(true);
      seen.push(n);
    }
    expect(seen).toEqual([1, 2, 3]);
    expect(await isFree()).toBe(true);
    expect(() => rows[Symbol.asyncIterator]()).toThrow(expect.objectContaining({ code: 'LOCK_NOT_HELD' }));
  });

  it('is refused when it can be read by other methods, as a cursor can', async () => {
    class Cursor extends Rows {
      toArray(): number[] {
        return [1, 2, 3];
      }
    }
    await expect(locked(new Cursor('orders'))).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
      message: expect.stringMatching(/class Cursor.*toArray\(\)/),
    });
    expect(await isFree()).toBe(true);
  });
});

describe('what is never read', () => {
  it.each([
    ['stream', () => new PassThrough()],
    ['web stream', () => webStream()],
    ['generator', () => numbers()],
    ['iterable', () => new Rows('orders')],
  ])('gives its lock back when it is garbage: %s', async (_, make: () => object) => {
    await (async () => {
      // A frame of its own, so that no variable keeps it.
      await locked(make());
    })();
    expect(await isHeld()).toBe(true);
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    await until(async () => {
      collect();
      return isFree();
    }, 'the release');
  });

  it('is not garbage while it is read, though only its reader is left', async () => {
    const values = (await locked(new Rows('orders')))[Symbol.asyncIterator]();
    const reader = (await locked(webStream(), 'another')).getReader();
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    for (let round = 0; round < 3; round += 1) {
      collect();
      await database.query('SELECT 1');
    }
    expect(await database.advisoryLocks()).toHaveLength(2);
    await values.return?.();
    await reader.cancel();
    expect(await isFree()).toBe(true);
  });

  it('loses its lock at the shutdown, after the time for running bodies', async () => {
    const locks = createLocks(database.url);
    const values = await locks.service.withLock('export', () => numbers());
    await locks.close(20);
    expect(await isFree()).toBe(true);
    await expect(values.next()).rejects.toMatchObject(lost);
  });

  it('is refused in a transaction, which is rolled back, and destroyed', async () => {
    const dataSource = await openDataSource(database.url);
    const { service } = createLocks(database.url, {}, dataSource);
    const stream = new PassThrough();
    const body = async (): Promise<Readable> => {
      await Promise.resolve();
      return stream;
    };
    await expect(service.withTransactionLock('export', body)).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
      message: expect.stringContaining('received an object of class PassThrough'),
    });
    await expect(service.tryWithTransactionLock('export', () => numbers())).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
    });
    expect(stream.destroyed).toBe(true);
    expect(await isFree()).toBe(true);
  });
});
