import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const database = useTestDatabase();
const times = { heartbeatMs: 100, lostAfterMs: 300 };
const patient = { ...times, lostAfterMs: 60_000 };

const stateChanges = () =>
  database.query<{ pid: number; state_change: Date }>(
    `SELECT pid, state_change FROM pg_stat_activity
     WHERE application_name LIKE 'nestjs-advisory-lock%' AND datname = current_database()`,
  );

describe('a module that holds nothing and waits for nothing', () => {
  it('sends nothing, says that it is idle, and heartbeats while it holds a lock', async () => {
    const { engine, service } = createLocks(database.url, patient);
    await service.withLock('import', () => {
      expect(engine.pulse).toMatchObject({ isIdle: false });
    });
    await until(async () => (await stateChanges()).length === 1, 'the connection of the proof has ended');
    expect(engine.pulse).toMatchObject({ isIdle: true });
    const before = await stateChanges();
    // Nothing is awaited but the silence: ten heartbeats.
    await sleep(1_000);
    expect(await stateChanges()).toEqual(before);

    await service.withLock('import', async () => {
      const [held] = await stateChanges();
      const isBeating = async () => {
        const [now] = await stateChanges();
        return now?.state_change.getTime() !== held?.state_change.getTime();
      };
      await until(isBeating, 'a heartbeat');
    });
    expect(await service.diagnose()).toMatchObject({ activity: 'idle' });
  });

  it('uses its connection again when that has survived', async () => {
    const { engine, service } = createLocks(database.url, patient);
    await service.withLock('import', () => undefined);
    const [pid] = engine.backendPids;
    const isDoubtful = () => (engine.pulse?.heartbeatAgeMs ?? 0) > patient.heartbeatMs;
    await until(isDoubtful, 'it has been idle for longer than a heartbeat');
    await service.withLock('import', () => undefined);
    expect(engine.backendPids).toEqual([pid]);
  });

  it('opens another connection after `lostAfterMs`, as there may be another primary', async () => {
    const { engine, service } = createLocks(database.url, times);
    await service.withLock('import', () => undefined);
    const [pid] = engine.backendPids;
    await until(() => engine.pulse?.isRecent === false, 'it has been idle for long');
    await service.withLock('import', () => undefined);
    expect(engine.backendPids).toHaveLength(1);
    expect(engine.backendPids).not.toEqual([pid]);
  });

  it('keeps what claims and waits depend on alive', async () => {
    const { engine, service } = createLocks(database.url, times);
    const key = engine.keys.claimKeyOf('import', 'tick');
    await engine.claims.make(key, { keepMs: 60_000, isRemembered: false });
    expect(engine.pulse).toMatchObject({ isIdle: false });
    await sleep(2 * times.lostAfterMs);
    expect(engine.pulse).toMatchObject({ isRecent: true });
    engine.claims.giveBack(key);

    const other = await createLocks(database.url).service.acquire('import');
    const waiting = service.acquire('import', { waitMs: Infinity });
    const isWaiting = async () => (await database.advisoryLocks()).some(({ granted }) => !granted);
    await until(isWaiting, 'it waits');
    expect(engine.pulse).toMatchObject({ isIdle: false });
    await other.release();
    await (await waiting).release();
  });

  it('opens another connection when the server has ended the idle one', async () => {
    const { engine, service } = createLocks(database.url, times);
    await service.withLock('import', () => undefined);
    const pids = engine.backendPids;
    await database.query(`SELECT pg_terminate_backend(${String(pids[0])})`);
    await until(() => engine.pulse === undefined, 'the end has arrived');
    await service.withLock('import', () => undefined);
    expect(engine.backendPids).not.toEqual(pids);
  });
});
