import { describe, expect, it, jest } from '@jest/globals';
import { EventEmitter } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import type { PostgresOptions } from '../../lib/core/index.js';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const database = useTestDatabase();

type Callback = (error: Error | null, result?: { rows: unknown[] }) => void;

/** What the wrappers know of a query of node-postgres. */
interface Query {
  text: string;
  callback?: Callback;
  once?: (event: string, listener: (error?: Error) => void) => Query;
  then?: (onResult: () => void, onError: (error: Error) => void) => void;
}

type QueryMethod = (this: TracedClient, ...args: unknown[]) => unknown;

/** The fields of a client that dd-trace reads. */
interface TracedClient {
  readonly _queryQueue: Query[];
  readonly _activeQuery: Query | null;
}

/** node-postgres with a wrapped `client.query`, as the data source of an application has it. */
function tracedBy(wrap: (query: QueryMethod) => QueryMethod): PostgresOptions {
  class Client extends pg.Client {}
  Client.prototype.query = wrap(queryOfPg) as pg.Client['query'];
  class Pool extends pg.Pool {
    constructor(options: pg.PoolConfig) {
      super({ ...options, Client });
    }
  }
  return { type: 'postgres', url: database.url, driver: { ...pg, defaults: pg.defaults, Pool } };
}

// eslint-disable-next-line @typescript-eslint/unbound-method -- called with its client
const queryOfPg: QueryMethod = pg.Client.prototype.query;

const begun = jest.fn();
const ended = jest.fn();

/** Replaces the text, and listens to the query that the client has queued last. As dd-trace 5 and 6 do. */
const datadog = (query: QueryMethod): QueryMethod =>
  function (...args) {
    begun();
    const [first] = args;
    if (typeof first === 'object' && first !== null)
      Object.defineProperty(first, 'text', { configurable: true, value: (first as Query).text });
    const result = query.apply(this, args);
    const queued = this._queryQueue.at(-1) ?? this._activeQuery;
    if (queued === null) return result;
    const { callback } = queued;
    if (callback !== undefined) {
      queued.callback = function (error, answer) {
        ended(error, answer?.rows);
        callback.call(this, error, answer);
      };
    } else if (queued.once !== undefined) {
      queued.once('error', ended);
      queued.once('end', ended);
    } else if (queued.then !== undefined) queued.then(ended, ended);
    else fail();
    return result;
  };

function fail(): never {
  throw new TypeError('newQuery.then is not a function');
}

/**
 * Replaces the callback before the call, or follows the promise. As @opentelemetry/instrumentation-pg
 * does.
 */
const openTelemetry = (query: QueryMethod): QueryMethod =>
  function (...args) {
    begun();
    const first = args[0] as Query | string;
    if (typeof first === 'object' && first.callback !== undefined) {
      const { callback } = first;
      first.callback = function (error, result) {
        ended(error, result?.rows);
        callback.call(this, error, result);
      };
    }
    const result = query.apply(this, args);
    return result instanceof Promise ? result.finally(ended) : result;
  };

/** Listens to an emitter or follows a promise; any other query has no end. As elastic-apm-node 4.18 does. */
const elastic = (query: QueryMethod): QueryMethod =>
  function (...args) {
    begun();
    const result = query.apply(this, args);
    if (result instanceof EventEmitter) result.on('end', ended).on('error', ended);
    else (result as Partial<Query>).then?.(ended, ended);
    return result;
  };

/** Follows what an emitter that it is given emits, or a promise. As newrelic 13.20 does. */
const newRelic = (query: QueryMethod): QueryMethod =>
  function (...args) {
    begun();
    const [first] = args;
    if (first instanceof EventEmitter) {
      const emit = first.emit.bind(first);
      first.emit = (event: string, ...rest: unknown[]) => {
        if (event === 'end' || event === 'error') ended();
        return emit(event, ...rest);
      };
    }
    const result = query.apply(this, args);
    return result instanceof Promise ? result.finally(ended) : result;
  };

describe('a client that a tool for tracing has wrapped', () => {
  it.each([
    ['dd-trace', datadog],
    ['OpenTelemetry', openTelemetry],
    ['Elastic', elastic],
    ['New Relic', newRelic],
  ])('takes locks, and reports the end of each query: %s', async (_, wrap) => {
    begun.mockClear();
    ended.mockClear();
    const { service } = createLocks(tracedBy(wrap));
    await using lock = await service.acquire('import');
    expect(await service.tryAcquire('import')).toBeUndefined();
    expect(await service.withLock(['a', 'b'], () => 1)).toBe(1);
    expect(await lock.fencingToken()).toBeGreaterThan(0n);
    expect(await service.diagnose()).toMatchObject({ isHealthy: true });
    await until(() => ended.mock.calls.length === begun.mock.calls.length, 'each query has ended once');
  });

  it.each([
    ['before the statement is sent', () => fail()],
    [
      'after it was sent',
      (query: QueryMethod): QueryMethod =>
        function (...args) {
          query.apply(this, args);
          return fail();
        },
    ],
  ] as [string, (query: QueryMethod) => QueryMethod][])(
    'rejects with LOCK_CONNECTION when the wrapper throws %s',
    async (_, broken) => {
      let isBroken = false;
      const unhandled = jest.fn();
      process.on('unhandledRejection', unhandled);
      try {
        const { service } = createLocks(
          tracedBy(
            (query) =>
              function (...args) {
                const isOurs = typeof (args[0] as { submit?: unknown }).submit === 'function';
                return (isBroken && isOurs ? broken(query) : query).apply(this, args);
              },
          ),
        );
        const lock = await service.acquire('held');
        isBroken = true;
        await expect(service.acquire('import')).rejects.toMatchObject({
          code: 'LOCK_CONNECTION',
          message: expect.stringMatching(
            /the connection failed \(newQuery\.then is not a function\)/,
          ) as unknown,
        });
        expect(lock.isHeld).toBe(false);
        // The handshake of the next connection.
        await expect(service.acquire('import')).rejects.toMatchObject({ code: 'LOCK_CONNECTION' });
        isBroken = false;
        await (await service.acquire('import')).release();
        expect(unhandled).not.toHaveBeenCalled();
      } finally {
        process.off('unhandledRejection', unhandled);
      }
    },
  );

  it.each([
    ['a tick', () => Promise.resolve()],
    ['a different time for each query', (query: number) => setTimeout((query % 3) * 3)],
  ] as [string, (query: number) => Promise<void>][])(
    'gives each caller its own result when the wrapper sends a query after %s',
    async (_, wait) => {
      let queries = 0;
      const deferred = (query: QueryMethod): QueryMethod =>
        async function (...args) {
          await wait((queries += 1));
          return query.apply(this, args);
        };
      const names = Array.from({ length: 64 }, (__, n) => `import-${n}`);
      const isFree = (name: string): boolean => names.indexOf(name) % 3 > 0;
      const { service: other } = createLocks(database.url);
      await Promise.all(names.filter((name) => !isFree(name)).map((name) => other.acquire(name)));
      const { service } = createLocks(tracedBy(deferred));
      const run = async (name: string): Promise<void> => {
        for (let round = 0; round < 50; round += 1) {
          const lock = await service.tryAcquire(name);
          expect([name, lock !== undefined]).toEqual([name, isFree(name)]);
          await lock?.release();
        }
      };
      await Promise.all(names.map(run));
    },
  );
});
