import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EntityManager } from 'typeorm';
import { startInstance } from './fleet-app.js';
import { hold, type Way, wishOf } from './ways.js';

// Several callers of one process want a lock again and again, in the given way, until the
// fleet has had so many turns. Each turn is noted; an exclusive one also with the number
// of those before it, which is unique then.
const [callers, turns] = process.argv.slice(2).map(Number) as [number, number];
const instance = await startInstance();

type Querying = Pick<EntityManager, 'query'>;
interface Place {
  readonly way: Way;
  readonly caller: number;
  readonly isAlone: boolean;
}

/** The waiters of this process, in the order of their calls. */
const line: Place[] = [];

async function turnsBefore(querying: Querying, way: Way): Promise<{ all: number; alone: number }> {
  const [before] = await querying.query<[{ all: number; alone: number }]>(
    'SELECT count(*)::int AS "all", count(alone)::int AS alone FROM turn WHERE way = $1',
    [way],
  );
  return before;
}

async function turn(querying: Querying, { way, caller, isAlone }: Place): Promise<boolean> {
  const before = await turnsBefore(querying, way);
  if (before.all >= turns) return false;
  await sleep(Math.random());
  if (way === 'shared' && (await turnsBefore(querying, way)).alone !== before.alone) {
    throw new Error('Another caller wrote in the meantime.');
  }
  await querying.query('INSERT INTO turn (way, caller, alone, pid) VALUES ($1, $2, $3, $4)', [
    way,
    caller,
    isAlone ? before.alone : null,
    process.pid,
  ]);
  return true;
}

function leaveLine(place: Place): void {
  const ahead = line.slice(0, line.indexOf(place));
  line.splice(ahead.length, 1);
  // Transactions queue in Postgres alone, and the holder of the last permit may
  // begin before the holder of the one before.
  const isInOrder = place.way !== 'transaction' && place.way !== 'permits';
  if (isInOrder && ahead.some(({ isAlone }) => isAlone || place.isAlone)) {
    throw new Error(`Caller ${place.caller} has overtaken another one of its process.`);
  }
}

async function call(way: Way, caller: number): Promise<void> {
  const { mode, permits } = wishOf(way, caller)[1];
  let isGoingOn = true;
  while (isGoingOn) {
    const place = { way, caller, isAlone: mode !== 'shared' && permits === undefined };
    line.push(place);
    isGoingOn = await hold(instance, way, caller, (querying) => {
      leaveLine(place);
      return turn(querying, place);
    });
  }
}

process.send?.({ type: 'ready' });
for (;;) {
  const [{ way }] = (await once(process, 'message')) as [{ way?: Way }];
  if (way === undefined) break;
  const calls = Promise.all(Array.from({ length: callers }, (_, caller) => call(way, caller)));
  process.send?.({ type: 'waiting' });
  await calls;
  process.send?.({ type: 'done' });
}
await instance.close();
process.disconnect();
