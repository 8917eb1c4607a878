import { beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ADVISORY_LEASE_SQL, type AdvisoryLease, type AdvisoryLockService } from 'nestjs-advisory-lock';
import { openDataSource } from '../support/data-source.js';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';

/*
 * Random sequences of what holders of leases can do, and of locks that respect them, in two services, while
 * the clock of the server is set forward and back, against a model in memory. For longer runs:
 * MODEL_RUNS=1000.
 */
const RUNS = Number(process.env['MODEL_RUNS'] ?? 50);
const TTL_S = 60;
const NAMES = ['a', 'b'] as const;

const database = useTestDatabase();

/** No sum of these comes near the end of a lease, so the time that a test takes does not matter. */
const steps = fc.constantFrom(-90, -45, 45, 90);

const commands = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constantFrom('lease' as const, 'lock' as const),
      name: fc.constantFrom(...NAMES),
      service: fc.nat(1),
    }),
    fc.record({
      kind: fc.constantFrom('extend' as const, 'release' as const, 'resume' as const),
      handle: fc.nat(5),
      service: fc.nat(1),
    }),
    fc.record({ kind: fc.constant('step' as const), seconds: steps }),
  ),
  { minLength: 5, maxLength: 25 },
);

type Command = typeof commands extends fc.Arbitrary<(infer C)[]> ? C : never;

interface Handle {
  readonly lease: AdvisoryLease;
  readonly name: string;
  /** Which grant it is a handle on: the handles of one grant have one number. */
  readonly grant: number;
  /** Whether it can still do something. */
  isUsable: boolean;
}

/** What the server must know, in seconds of its clock. */
class Model {
  now = 0;
  private readonly held = new Map<string, { grant: number; until: number }>();

  isFree(name: string): boolean {
    return (this.held.get(name)?.until ?? -Infinity) <= this.now;
  }

  hold(name: string, grant: number): void {
    this.held.set(name, { grant, until: this.now + TTL_S });
  }

  isHeldBy({ name, grant }: Handle): boolean {
    return !this.isFree(name) && this.held.get(name)?.grant === grant;
  }

  /** A lock that respects leases was granted, which ends what it has found over. */
  lock(name: string): void {
    this.held.delete(name);
  }

  release({ name, grant }: Handle): void {
    if (this.held.get(name)?.grant === grant) this.held.delete(name);
  }
}

async function run(services: readonly AdvisoryLockService[], sequence: readonly Command[]): Promise<void> {
  await database.query('TRUNCATE advisory_lease');
  const model = new Model();
  const handles: Handle[] = [];
  const tokens = new Map<string, bigint>();
  let grants = 0;

  const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => undefined,
      (error: unknown) => (error as { code?: unknown }).code,
    );

  async function lease(service: AdvisoryLockService, name: string): Promise<void> {
    const taken = service.lease(name, { ttlMs: TTL_S * 1_000 });
    if (!model.isFree(name)) {
      expect(await codeOf(taken)).toBe('LOCK_UNAVAILABLE');
      return;
    }
    const granted = await taken;
    expect(granted.fencingToken > (tokens.get(name) ?? 0n)).toBe(true);
    tokens.set(name, granted.fencingToken);
    model.hold(name, (grants += 1));
    handles.push({ lease: granted, name, grant: grants, isUsable: true });
  }

  async function lock(service: AdvisoryLockService, name: string): Promise<void> {
    const taken = await service.tryAcquire(name, { respectLeases: true });
    expect(taken !== undefined).toBe(model.isFree(name));
    if (taken === undefined) return;
    model.lock(name);
    const refused = service.lease(name, { ttlMs: TTL_S * 1_000, respectLeases: true });
    expect(await codeOf(refused)).toBe('LOCK_UNAVAILABLE');
    await taken.release();
  }

  async function resume(service: AdvisoryLockService, handle: Handle): Promise<void> {
    const { name, grant } = handle;
    const resumed = service.resumeLease(name, handle.lease.token);
    if (!model.isHeldBy(handle)) {
      expect(await codeOf(resumed)).toBe('LOCK_LOST');
      return;
    }
    expect((await resumed).fencingToken).toBe(handle.lease.fencingToken);
    // The clock of this process knows nothing of the steps: by it, the lease may be over.
    handles.push({ lease: await resumed, name, grant, isUsable: true });
  }

  async function extend(handle: Handle): Promise<void> {
    const code = await codeOf(handle.lease.extend());
    const isHeld = handle.isUsable && model.isHeldBy(handle);
    expect(code === undefined).toBe(isHeld);
    if (isHeld) model.hold(handle.name, handle.grant);
    else handle.isUsable = false;
  }

  for (const command of sequence) {
    if (command.kind === 'step') {
      const { seconds } = command;
      model.now += seconds;
      await database.query(
        `UPDATE advisory_lease SET since = since - $1 * interval '1 second',
           expires_at = expires_at - $1 * interval '1 second'`,
        [seconds],
      );
      continue;
    }
    const service = services[command.service] as AdvisoryLockService;
    if ('name' in command) {
      await (command.kind === 'lease' ? lease : lock)(service, command.name);
      continue;
    }
    const handle = handles[command.handle % Math.max(1, handles.length)];
    if (handle === undefined) continue;
    if (command.kind === 'resume') await resume(service, handle);
    else if (command.kind === 'extend') await extend(handle);
    else {
      await handle.lease.release();
      if (handle.isUsable) model.release(handle);
      handle.isUsable = false;
    }
  }
}

beforeAll(() => database.query(ADVISORY_LEASE_SQL));

it(
  'leases are held as the model says, over random sequences and steps of the clock of the server',
  async () => {
    const services: AdvisoryLockService[] = [];
    for (const name of ['warm-up 1', 'warm-up 2']) {
      const dataSource = await openDataSource(database.url, { poolSize: 2 });
      const { service } = createLocks(database.url, {}, dataSource);
      // The first grant deletes old rows in the background, which the truncation waits for.
      await service.lease(name, { ttlMs: 1_000 });
      services.push(service);
    }
    await fc.assert(
      fc.asyncProperty(commands, (sequence) => run(services, sequence)),
      { numRuns: RUNS },
    );
  },
  30_000 + RUNS * 1_000,
);
