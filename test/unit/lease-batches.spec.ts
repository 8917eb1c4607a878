import { describe, expect, it } from '@jest/globals';
import { Batches } from '../../lib/lease/batches.js';

interface Request {
  name: string;
  value: number;
}

const serverError = (): Error => Object.assign(new Error('refused'), { severity: 'ERROR', code: '22P05' });

function recording(refuses: (requests: readonly Request[]) => Error | undefined = () => undefined) {
  const sent: string[][] = [];
  const batches = new Batches<Request, number>((requests) => {
    sent.push(requests.map(({ name }) => name));
    const error = refuses(requests);
    return error === undefined
      ? Promise.resolve(requests.map(({ value }) => value * 10))
      : Promise.reject(error);
  });
  return { sent, batches };
}

describe('batches', () => {
  it('send what is requested at the same time together, and give each request its result', async () => {
    const { sent, batches } = recording();
    const names = ['a', 'b', 'c'];
    const results = await Promise.all(names.map((name, value) => batches.add({ name, value })));
    expect(results).toEqual([0, 10, 20]);
    expect(sent).toEqual([names]);
  });

  it('send each name once in a statement, in the order of the requests', async () => {
    const { sent, batches } = recording();
    const names = ['a', 'b', 'a', 'a', 'c'];
    const results = await Promise.all(names.map((name, value) => batches.add({ name, value })));
    expect(results).toEqual([0, 10, 20, 30, 40]);
    expect(sent).toEqual([['a', 'b', 'c'], ['a'], ['a']]);
  });

  it('send requests one by one when the server refuses them together', async () => {
    const { sent, batches } = recording((requests) =>
      requests.some(({ name }) => name === 'bad') ? serverError() : undefined,
    );
    const names = ['a', 'bad', 'c'];
    const results = await Promise.allSettled(names.map((name, value) => batches.add({ name, value })));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(sent).toEqual([names, ['a'], ['bad'], ['c']]);
  });

  it('reject all requests of a statement whose connection broke, and go on', async () => {
    let isBroken = true;
    const { sent, batches } = recording(() => (isBroken ? new Error('ECONNRESET') : undefined));
    const results = await Promise.allSettled([
      batches.add({ name: 'a', value: 1 }),
      batches.add({ name: 'b', value: 2 }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    isBroken = false;
    await expect(batches.add({ name: 'c', value: 3 })).resolves.toBe(30);
    expect(sent).toEqual([['a', 'b'], ['c']]);
  });
});
