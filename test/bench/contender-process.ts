import { once } from 'node:events';
import type { Contender, OpenContender, ServerKind } from './contender.js';
import { measureDecorator } from './decorator.js';
import { measureDistinctKeys } from './distinct-keys.js';
import { measureHotKey } from './hot-key.js';
import { measureLeases } from './leases.js';
import { type LockCounter, openLockCounter } from './lock-counter.js';

/*
 * One contender in a process of its own: what one library does to its process (an AsyncLocalStorage makes
 * every promise dearer on Node 20, another Nest, garbage) must not slow the next one down.
 */
export type Reply<Result> = { result: Result } | { error: string };

type Measure = (contender: Contender, locks: LockCounter, load: never) => Promise<unknown>;

const MEASURES = {
  decorator: measureDecorator,
  'distinct-keys': measureDistinctKeys,
  'hot-key': (contender, _locks, load) => measureHotKey(contender, load),
  leases: (contender, _locks, load) => measureLeases(contender, load),
} satisfies Record<string, Measure>;

export type Part = keyof typeof MEASURES;

const [part, file, server, url] = process.argv.slice(2) as [Part, string, ServerKind, string];
const measure: Measure = MEASURES[part];
const { open } = (await import(`./contenders/${file}.js`)) as { open: OpenContender };
const contender = await open(url);
const locks = await openLockCounter(server, url);

process.on('message', (load) => {
  void measure(contender, locks, load as never)
    .then(
      (result): Reply<unknown> => ({ result }),
      (error: unknown): Reply<unknown> => ({ error: `${file}: ${String(error)}` }),
    )
    .then((reply) => process.send?.(reply));
});
process.send?.('ready');

await once(process, 'disconnect');
await locks.close();
await contender.close();
