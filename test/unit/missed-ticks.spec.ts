import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { Claims, KeyRegistry } from '../../lib/core/index.js';
import type { Fleet } from '../../lib/fleet/fleet.js';
import type { KnownJob } from '../../lib/jobs/control/known-jobs.js';
import { MissedTicks, type MissedTicksParts } from '../../lib/jobs/missed/missed-ticks.js';
import { TickLog } from '../../lib/jobs/run/tick-log.js';
import { LogLines } from '../e2e/support/log-lines.js';

const DUE_MS = 10_000;
const CLAIM_MS = 4_000;
const MINUTE_MS = 60_000;

/** How long the server takes for a statement, and a fleet to respond. */
const STATEMENT_MS = 1;
const RESPONSE_MS = 100;

/** What happens to each question, by its number and its asker. */
type Outcome = 'heard' | 'silence' | 'not asked' | 'the asker dies';

interface Options {
  readonly instances?: number;
  readonly jobs?: number;
  readonly outcomeOf?: (question: number, asker: number) => Outcome;
}

/** A session of locks: the server frees them at its end. */
interface Session {
  end: Error | undefined;
}

beforeEach(() => {
  jest.useFakeTimers({ now: 0 });
});
afterEach(() => {
  jest.useRealTimers();
});

/** Instances whose jobs all come due at one instant, at which none of them runs any. */
function fleetOf({ instances: count = 5, jobs: jobCount = 3, outcomeOf = () => 'heard' }: Options = {}) {
  const holders = new Map<string, Session>();
  const questions: { readonly asker: number; readonly atMs: number }[] = [];
  let tries = 0;
  const statement = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, STATEMENT_MS));

  function sessionOf() {
    const session = {
      end: undefined as Error | undefined,
      async tryLock({ id }: { readonly id: string }) {
        tries += 1;
        await statement();
        const holder = holders.get(id);
        if (holder !== undefined && holder.end === undefined) return false;
        holders.set(id, session);
        return true;
      },
      request({ key: { id } }: { readonly key: { readonly id: string } }) {
        if (holders.get(id) === session) holders.delete(id);
        return Promise.resolve();
      },
    };
    return session;
  }

  const instances = Array.from({ length: count }, (_, number) => {
    const session = sessionOf();
    const ticks = new TickLog();
    const missed: string[] = [];
    const schedule = {};
    const times = {
      text: 'once',
      spreadMs: 0,
      schedule,
      periodMs: () => MINUTE_MS,
      between: (afterMs: number, untilMs: number) => (afterMs < DUE_MS && DUE_MS <= untilMs ? [DUE_MS] : []),
      after: (afterMs: number) => (afterMs < DUE_MS ? DUE_MS : undefined),
    };
    const jobs = Array.from({ length: jobCount }, (__, n) => ({
      lock: `job ${n}`,
      method: `Jobs.job${n}`,
      methodName: `job${n}`,
      isTimed: true,
      findTimes: () => times,
      claimMs: CLAIM_MS,
      isRecorded: false,
    }));
    const fleet = {
      async inspect() {
        questions.push({ asker: number, atMs: Date.now() });
        const outcome = outcomeOf(questions.length, number);
        if (outcome === 'the asker dies') {
          die();
          return new Promise<never>(() => undefined);
        }
        await new Promise((resolve) => setTimeout(resolve, RESPONSE_MS));
        return {
          isAsked: outcome !== 'not asked',
          silent: outcome === 'silence' ? [{ pid: 7, instance: 'frozen' }] : [],
          reports: [number, ...instances.keys()].map((each) => ({ jobs: instances[each]?.ticks.report([]) })),
        };
      },
    };
    const parts = {
      engine: {
        keys: new KeyRegistry(),
        claims: new Claims(() => Promise.resolve(session as never)),
        events: { hasListeners: true, emit: ({ lockName }: { lockName: string }) => missed.push(lockName) },
      },
      log: new LogLines(),
      fleet: fleet as unknown as Fleet,
      known: { all: jobs as unknown as KnownJob[] },
      ticks,
      pauses: { refresh: () => Promise.resolve(), pauseAt: () => Promise.resolve(undefined) },
      records: {},
      findSchedulers: () => [],
    };
    const watch = new MissedTicks(parts as unknown as MissedTicksParts);
    watch.start();
    const die = (): void => {
      watch.stop();
      session.end = new Error('the process has died');
    };
    return { ticks, missed, log: parts.log };
  });

  return {
    instances,
    questions,
    missed: () => instances.flatMap(({ missed }) => missed).sort(),
    tries: () => tries,
    /** Another session holds the lock of this key, and does not give it back. */
    hold: (keyId: string) => holders.set(keyId, { end: undefined }),
    passes: (ms: number) => jest.advanceTimersByTimeAsync(ms),
  };
}

const ALL = ['job 0', 'job 1', 'job 2'];

it('after an outage one instance asks, once for all its jobs, and reports what was missed', async () => {
  const { instances, questions, missed, passes } = fleetOf({ instances: 8 });
  await passes(5 * MINUTE_MS);
  expect(questions).toHaveLength(1);
  expect(missed()).toEqual(ALL);
  expect(instances.filter((each) => each.missed.length > 0)).toHaveLength(1);
  expect(instances.flatMap(({ log }) => log.matching(/missed its tick/))).toHaveLength(ALL.length);
});

it('it reports what was missed as soon as no instance can run it any more', async () => {
  const { missed, passes } = fleetOf();
  await passes(DUE_MS + CLAIM_MS / 2 + 1_900);
  expect(missed()).toEqual([]);
  await passes(1_000);
  expect(missed()).toEqual(ALL);
});

it('a tick that one instance ran is not reported, and is no reason for another question', async () => {
  const { instances, questions, missed, passes } = fleetOf();
  instances[3]?.ticks.note({ lockName: 'job 1', method: 'Jobs.job1' }, { atMs: DUE_MS, outcome: 'ran' });
  await passes(5 * MINUTE_MS);
  expect(missed()).toEqual(['job 0', 'job 2']);
  expect(questions).toHaveLength(1);
});

it('an instance that doubts more ticks than the first one asks again for those', async () => {
  const { instances, questions, missed, passes } = fleetOf({ instances: 2, jobs: 2 });
  for (const { ticks } of instances.slice(0, 1))
    ticks.note(
      { lockName: 'job 1', method: 'Jobs.job1' },
      { atMs: DUE_MS, outcome: 'skipped', reason: 'claimed' },
    );
  await passes(5 * MINUTE_MS);
  expect(missed()).toEqual(['job 0']);
  expect(questions).toHaveLength(2);
});

it('another instance takes over from one that dies while it asks', async () => {
  const { questions, missed, passes } = fleetOf({
    outcomeOf: (question) => (question <= 2 ? 'the asker dies' : 'heard'),
  });
  await passes(5 * MINUTE_MS);
  expect(missed()).toEqual(ALL);
  expect(new Set(questions.map(({ asker }) => asker)).size).toBe(3);
  expect(questions).toHaveLength(3);
});

it('an instance that cannot ask leaves it to the others', async () => {
  const { instances, questions, missed, passes } = fleetOf({
    outcomeOf: (_, asker) => (asker < 3 ? 'not asked' : 'heard'),
  });
  await passes(5 * MINUTE_MS);
  expect(missed()).toEqual(ALL);
  expect(instances.slice(0, 3).flatMap((each) => each.missed)).toEqual([]);
  expect(questions.length).toBeLessThanOrEqual(4);
});

it('while an instance is silent, the fleet is asked every few seconds, whoever asks', async () => {
  let isSilent = true;
  const { questions, missed, passes } = fleetOf({
    instances: 20,
    outcomeOf: () => (isSilent ? 'silence' : 'heard'),
  });
  await passes(DUE_MS + CLAIM_MS / 2 + 12_000);
  expect(questions.length).toBeGreaterThanOrEqual(2);
  expect(questions.length).toBeLessThanOrEqual(3);
  expect(missed()).toEqual([]);
  isSilent = false;
  await passes(10_000);
  expect(missed()).toEqual(ALL);
});

it('nothing is reported where an instance stays silent, and the questions end', async () => {
  const { questions, missed, passes } = fleetOf({ instances: 20, outcomeOf: () => 'silence' });
  await passes(2 * MINUTE_MS);
  const asked = questions.length;
  expect(asked).toBeLessThanOrEqual(8);
  await passes(10 * MINUTE_MS);
  expect(questions).toHaveLength(asked);
  expect(missed()).toEqual([]);
});

it('a turn that no one gives back keeps no instance busy without end', async () => {
  const { questions, tries, hold, passes } = fleetOf();
  hold(new KeyRegistry().claimKeyOf('missed ticks', 'turn').id);
  await passes(2 * MINUTE_MS);
  const tried = tries();
  await passes(10 * MINUTE_MS);
  expect(tries()).toBe(tried);
  expect(questions).toEqual([]);
});
