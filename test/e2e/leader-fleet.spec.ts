import { describe, expect, it } from '@jest/globals';
import { startWorker } from '../support/processes.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import type { WorkerProcess } from '../support/worker-process.js';

const database = useTestDatabase();

/** For long runs: how often the leader is taken away in each way. */
const ROUNDS = Number(process.env.LEADER_ROUNDS ?? 1);

/** What a hand-over of milliseconds may take on a machine that is busy; a shutdown may take 60 s. */
const SOON_MS = 5_000;

interface Message {
  readonly type: 'ready' | 'begins' | 'aborted' | 'ended';
  /** By the monotonic clock of the machine. */
  readonly atMs: number;
  readonly reason?: string;
}

class Candidate {
  private beginning: Promise<Message> | undefined;

  private constructor(readonly process: WorkerProcess) {}

  static async start(): Promise<Candidate> {
    const module = new URL('./workers/candidate.ts', import.meta.url);
    const candidate = new Candidate(startWorker(module, { env: { TEST_URL: database.url } }));
    await candidate.message('ready');
    return candidate;
  }

  message(wanted: Message['type']): Promise<Message> {
    return this.process.message<Message>(({ type }) => type === wanted, 60_000);
  }

  /** When it says that it leads. Asked of several at a time, so the question stays until {@link hasBegun}. */
  get begins(): Promise<Message> {
    return (this.beginning ??= this.message('begins'));
  }

  hasBegun(): void {
    this.beginning = undefined;
  }
}

const now = (): number => Number(process.hrtime.bigint()) / 1e6;

/** The instance that first reports that it leads, and since when. */
async function nextLeader(candidates: readonly Candidate[]): Promise<{ leader: Candidate; beganMs: number }> {
  const next = await Promise.any(
    candidates.map(async (leader) => ({ leader, beganMs: (await leader.begins).atMs })),
  );
  next.leader.hasBegun();
  return next;
}

const queue = async (): Promise<number> =>
  (await database.advisoryLocks()).filter(({ granted }) => !granted).length;

/** Ends the leader's backend only: one that waits would lead for a moment before its own end. */
async function terminateLeader(): Promise<void> {
  const holders = (await database.advisoryLocks()).filter(({ granted }) => granted);
  await database.query('SELECT pg_terminate_backend($1::int)', [holders[0]?.pid]);
}

describe('a fleet of 3 processes', () => {
  it(
    'has one leader, and hands over when it stops, is killed or loses its connection, never with two at once',
    async () => {
      const fleet: Candidate[] = [];
      const fill = async () => {
        const missing = Array.from({ length: 3 - fleet.length }, () => Candidate.start());
        fleet.push(...(await Promise.all(missing)));
      };
      const untilOthersWait = () =>
        until(async () => (await queue()) === fleet.length - 1, 'the others wait');
      await fill();
      let { leader } = await nextLeader(fleet);
      for (let round = 0; round < ROUNDS; round += 1) {
        await fill();
        await untilOthersWait();
        await terminateLeader();
        expect(await leader.message('aborted')).toMatchObject({ reason: 'LockLostError' });
        await leader.message('ended');
        ({ leader } = await nextLeader(fleet));

        for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
          await untilOthersWait();
          fleet.splice(fleet.indexOf(leader), 1);
          let goneMs = now();
          leader.process.kill(signal);
          const next = await nextLeader(fleet);
          if (signal === 'SIGTERM') {
            expect((await leader.message('aborted')).reason).toBe('AbortError');
            goneMs = (await leader.message('ended')).atMs;
          }
          expect(next.beganMs).toBeGreaterThan(goneMs);
          expect(next.beganMs - goneMs).toBeLessThan(SOON_MS);
          expect(await leader.process.exited).toEqual({ code: null, signal });
          leader = next.leader;
        }
      }
      for (const { process } of fleet) process.kill('SIGTERM');
      for (const { process } of fleet) {
        expect(await process.exited).toEqual({ code: null, signal: 'SIGTERM' });
      }
      expect(await database.advisoryLocks()).toEqual([]);
    },
    120_000 * ROUNDS,
  );
});
