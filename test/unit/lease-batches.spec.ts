import { describe, expect, it } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
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

  /** Statements that end when the test says so, and the requests of each. */
  function held() {
    const sent: { readonly names: string[]; readonly end: () => void }[] = [];
    const batches = new Batches<Request, number>(
      (requests) =>
        new Promise((resolve) => {
          const results = requests.map(({ value }) => value);
          sent.push({
            names: requests.map(({ name }) => name),
            end: () => {
              resolve(results);
            },
          });
        }),
    );
    const add = (count: number, prefix: string): Promise<number>[] =>
      Array.from({ length: count }, (_, value) => batches.add({ name: `${prefix}${value}`, value }));
    const sizes = (): number[] => sent.map(({ names }) => names.length);
    return { sent, sizes, batches, add };
  }

  it('send many in two statements at a time, and never in three', async () => {
    const { sent, sizes, add } = held();
    const first = add(100, 'a');
    await setImmediate();
    expect(sizes()).toEqual([50, 50]);
    const second = add(100, 'b');
    await setImmediate();
    expect(sizes()).toEqual([50, 50]);
    sent[0]?.end();
    await Promise.all(first.slice(0, 50));
    expect(sizes()).toEqual([50, 50, 100]);
    sent[1]?.end();
    sent[2]?.end();
    expect(await Promise.all([...first, ...second])).toHaveLength(200);
  });

  it('send few in one statement, and the next few when it has ended', async () => {
    const { sent, sizes, add } = held();
    const first = add(95, 'a');
    await setImmediate();
    const second = add(47, 'b');
    await setImmediate();
    expect(sizes()).toEqual([95]);
    const third = add(1, 'c');
    await setImmediate();
    expect(sizes()).toEqual([95, 48]);
    for (const { end } of sent) end();
    await Promise.all([...first, ...second, ...third]);
  });

  it('send no name in two statements at a time', async () => {
    const { sent, sizes, add } = held();
    const first = add(48, 'a');
    await setImmediate();
    const again = add(48, 'a');
    await setImmediate();
    expect(sizes()).toEqual([48]);
    const others = add(48, 'b');
    await setImmediate();
    expect(sizes()).toEqual([48, 48]);
    sent[1]?.end();
    await Promise.all(others);
    expect(sizes()).toEqual([48, 48]);
    sent[0]?.end();
    await Promise.all(first);
    expect(sizes()).toEqual([48, 48, 48]);
    sent[2]?.end();
    await Promise.all(again);
  });

  it('send no statement for few requests behind many for names in flight', async () => {
    const { sent, sizes, batches, add } = held();
    const first = add(48, 'a');
    await setImmediate();
    const waiting = [...add(48, 'a'), batches.add({ name: 'b', value: 7 })];
    await setImmediate();
    expect(sizes()).toEqual([48]);
    sent[0]?.end();
    await Promise.all(first);
    expect(sizes()).toEqual([48, 49]);
    sent[1]?.end();
    expect((await Promise.all(waiting)).at(-1)).toBe(7);
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

  it('keep no later request for a name reachable from one that has ended', async () => {
    const { batches } = recording();
    const results = [1, 2, 3].map((value) => batches.add({ name: 'a', value }));
    const ended = batches['first'].get('a');
    await Promise.all(results);
    await setImmediate();
    expect(ended).toMatchObject({ request: { value: 1 }, next: undefined });
    expect(ended?.last).toBe(ended);
  });
});
