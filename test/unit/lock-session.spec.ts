import { setImmediate, setTimeout } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import assert from 'node:assert/strict';
import {
  BACKEND_PID,
  BATCH_NAME,
  type LockConnection,
  LockKey,
  type LockOperation,
  LockSession,
  OWN_LOCKS,
  ownLockIn,
  type Statement,
} from '../../lib/core/index.js';
import { until } from '../support/until.js';

const times = { heartbeatMs: Infinity, lostAfterMs: Infinity };

/** A backend that fails every seventh statement half-way, and refuses every fifth key. */
class Backend {
  readonly isListening = false;
  readonly ended = new Promise<Error>((resolve) => (this.end = resolve));
  readonly held = new Map<string, LockKey>();
  /** What must never be. */
  readonly faults: string[] = [];
  backendPid: number | undefined;
  timesGivenBack = 0;
  mostInFlight = 0;
  private end: (cause: Error) => void = () => undefined;
  private isDestroyed = false;
  private inFlight = 0;
  private lastResponse: Promise<void> = Promise.resolve();
  statements = 0;
  private tries = 0;

  /** Behind a pooler, which assigns a backend later, or with a backend of its own. */
  constructor(
    readonly isPooled: boolean,
    private readonly pipelines = !isPooled,
  ) {
    if (!isPooled) this.backendPid = 1;
  }

  canPipeline(name: string): boolean {
    return this.pipelines && name === BATCH_NAME;
  }

  async query({ name, text, values = [] }: Statement): Promise<(string | null)[]> {
    await this.responseOf('a statement', this.canPipeline(name ?? '') ? 2 : 1);
    if (text === BACKEND_PID.text) return [String(this.backendPid)];
    if (text === OWN_LOCKS.text) return [...this.held.values()].map((key) => ownLockIn('exclusive', key));
    const keys = String(values.at(-1)).replace(/[{}]/g, '').split(',');
    const isUnlock = (index: number): boolean =>
      values.length > 1 ? String(values[0])[index] === 'u' : text.includes('unlock');
    this.statements += 1;
    const failsAt = this.statements % 7 === 0 ? Math.floor(keys.length / 2) : Infinity;
    const results = keys.map((key, index) => {
      if (index >= failsAt) throw Object.assign(new Error('failed'), { severity: 'ERROR', code: '53200' });
      return (isUnlock(index) ? this.held.delete(key) : this.take(key)) ? 'y' : 'n';
    });
    return [values.length > 1 ? results.join('') : results[0] === 'y' ? 't' : 'f'];
  }

  async pin(): Promise<void> {
    if (this.backendPid === undefined) await this.respond();
    this.backendPid = 1;
  }

  async repin(): Promise<void> {
    await this.responseOf('a repin');
  }

  async unpin(): Promise<void> {
    if (this.backendPid === undefined) return;
    if (this.held.size > 0) this.faults.push('given back with locks');
    await this.responseOf('giving it back');
    this.backendPid = undefined;
    this.timesGivenBack += 1;
  }

  pauseUntil(end: Promise<void>): void {
    this.lastResponse = end;
  }

  destroy(): void {
    this.isDestroyed = true;
    this.end(new Error('destroyed'));
  }

  private take(key: string): boolean {
    this.tries += 1;
    if (this.tries % 5 === 0) return false;
    if (this.held.has(key)) this.faults.push('granted twice');
    this.held.set(key, LockKey.of(BigInt(key)));
    return true;
  }

  private async responseOf(what: string, mayBeInFlight = 1): Promise<void> {
    if (this.backendPid === undefined) this.faults.push(`${what} without a backend`);
    await this.respond(mayBeInFlight);
  }

  private async respond(mayBeInFlight = 1): Promise<void> {
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    if (this.inFlight > mayBeInFlight) this.faults.push(`${this.inFlight} statements at a time`);
    this.lastResponse = this.lastResponse.then(() => setImmediate());
    await this.lastResponse;
    this.inFlight -= 1;
    if (this.isDestroyed) throw new Error('destroyed');
  }
}

/** Room for so many locks. */
class Room {
  used = 0;

  constructor(private readonly allowed: number) {}

  take(): boolean {
    if (this.used === this.allowed) return false;
    this.used += 1;
    return true;
  }

  free(): void {
    this.used -= 1;
  }

  refusal(): Error {
    return new Error('no room');
  }
}

type Outcome = boolean | Error | undefined;

/** What its callbacks were called with by the time that the promise had resolved. */
async function outcomeOf(session: LockSession, operation: LockOperation, key: LockKey): Promise<Outcome> {
  const outcomes: Outcome[] = [];
  const note = (outcome: Outcome): void => void outcomes.push(outcome);
  await session.request({ operation, mode: 'exclusive', key, resolve: note, reject: note });
  assert.equal(outcomes.length, 1);
  return outcomes[0];
}

describe.each([
  { way: 'through a pooler', isPooled: true, callers: 7, rounds: 40, inFlight: 1 },
  { way: 'by few callers', isPooled: false, callers: 7, rounds: 40, inFlight: 1 },
  { way: 'by many callers', isPooled: false, callers: 120, rounds: 10, inFlight: 2 },
])('the promise of a request $way', ({ isPooled, callers, rounds, inFlight }) => {
  it('resolves once the request is settled, in whatever way', async () => {
    const backend = new Backend(isPooled);
    const room = new Room(callers - 2);
    const session = new LockSession(
      backend as unknown as LockConnection,
      times,
      (_session, cause) => backend.faults.push(cause.message),
      undefined,
      room as unknown as ConstructorParameters<typeof LockSession>[4],
    );
    const counts = { granted: 0, refused: 0, failed: 0 };
    const use = async (key: LockKey, n: number): Promise<void> => {
      for (let round = 0; round < rounds; round += 1) {
        const outcome = await outcomeOf(session, 'try', key);
        counts[outcome === true ? 'granted' : outcome === false ? 'refused' : 'failed'] += 1;
        assert.equal(backend.held.has(key.id), outcome === true);
        for (let pauses = (round * n) % 4; pauses > 0; pauses -= 1) await setImmediate();
        if (outcome === true) assert.equal(await outcomeOf(session, 'unlock', key), true);
        assert.ok(!backend.held.has(key.id));
        if ((round + n) % 3 === 0) for (let pauses = n % 7; pauses > 0; pauses -= 1) await setImmediate();
      }
    };
    await Promise.all(Array.from({ length: callers }, (_, n) => use(LockKey.of(n), n)));
    // Behind the turn in which the backend is given back.
    await session.confirm();
    expect(backend.faults).toEqual([]);
    expect(backend.backendPid).toBe(isPooled ? undefined : 1);
    expect(backend.mostInFlight).toBe(inFlight);
    expect(room.used).toBe(0);
    expect(session.isIdle).toBe(true);
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(5);
    if (isPooled) expect(backend.timesGivenBack).toBeGreaterThan(5);
  });
});

describe('many requests', () => {
  it.each([
    { where: 'in halves where a second statement may be in flight', pipelines: true, statements: 3 },
    { where: 'as one statement where it may not', pipelines: false, statements: 2 },
  ])('travel $where', async ({ pipelines, statements }) => {
    const backend = new Backend(false, pipelines);
    const session = new LockSession(backend as unknown as LockConnection, times, () => undefined);
    const keys = Array.from({ length: 200 }, (_, n) => LockKey.of(n));
    for (const operation of ['try', 'unlock'] as const) {
      const wanted = keys.filter((key) => operation === 'try' || backend.held.has(key.id));
      await Promise.all(wanted.map((key) => outcomeOf(session, operation, key)));
    }
    expect(backend.held.size).toBe(0);
    expect(backend.statements).toBe(statements);
  });
});

describe('the promise of a request', () => {
  it('resolves when the session ends with two batches on their way', async () => {
    const backend = new Backend(false);
    const session = new LockSession(backend as unknown as LockConnection, times, () => undefined);
    const keys = Array.from({ length: 200 }, (_, n) => LockKey.of(n));
    await Promise.all(keys.map((key) => outcomeOf(session, 'try', key)));
    const requests = Promise.all(
      keys.map((key) => outcomeOf(session, backend.held.has(key.id) ? 'unlock' : 'try', key)),
    );
    const wasHeld = keys.map((key) => backend.held.has(key.id));
    await new Promise((resolve) => {
      process.nextTick(resolve);
    });
    expect(backend.mostInFlight).toBe(2);
    backend.destroy();
    session.fail(new Error('over'));
    const lost = expect.objectContaining({ code: 'LOCK_CONNECTION' }) as unknown;
    expect(await requests).toEqual(wasHeld.map((isHeld) => (isHeld ? true : lost)));
  });

  it('is rejected when it was granted after the end of the session', async () => {
    const backend = new Backend(false);
    const ends: Error[] = [];
    const session = new LockSession(
      backend as unknown as LockConnection,
      { heartbeatMs: 100, lostAfterMs: 400 },
      (_session, cause) => ends.push(cause),
    );
    const tryAll = (from: number): Promise<Outcome[]> =>
      Promise.all(Array.from({ length: 9 }, (_, n) => outcomeOf(session, 'try', LockKey.of(from + n))));
    expect(await tryAll(0)).toContain(true);
    // Now the server is silent for a while, and its holders get time to stop before the connection is cut.
    backend.pauseUntil(until(() => ends.length > 0, 'the session has ended'));
    const first = tryAll(100);
    await setTimeout(250);
    const second = tryAll(200);
    const lost = expect.objectContaining({ code: 'LOCK_CONNECTION' }) as unknown;
    expect(await first).toEqual(Array(9).fill(lost));
    expect(await second).toEqual(Array(9).fill(lost));
    expect(backend.mostInFlight).toBe(2);
    expect(ends).toMatchObject([{ message: expect.stringMatching(/no response/) as unknown }]);
  });

  it('resolves when the session ends first, and after it has ended', async () => {
    const backend = new Backend(true);
    const session = new LockSession(backend as unknown as LockConnection, times, () => undefined);
    const key = LockKey.of(1);
    expect(await outcomeOf(session, 'try', key)).toBe(true);
    const requests = Promise.all([
      outcomeOf(session, 'unlock', key),
      outcomeOf(session, 'try', LockKey.of(2)),
    ]);
    session.fail(new Error('over'));
    expect(await requests).toEqual([true, expect.objectContaining({ code: 'LOCK_CONNECTION' })]);
    expect(await outcomeOf(session, 'unlock', key)).toBe(true);
    expect(await outcomeOf(session, 'try', key)).toMatchObject({ code: 'LOCK_CONNECTION' });
  });
});
