import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AdvisoryLock, KeyRegistry, type LockKey, type LockOptions } from '../../../lib/core/index.js';
import type { LockRow } from '../../support/leak-check.js';
import type { Locks } from '../../support/locks.js';
import { describe, type LockModel, type Request } from './lock-model.js';

const SETTLE_DEADLINE_MS = 5_000;

/** The server of the services under test: what it says about locks, and how it ends a session. */
export interface ModelServer {
  advisoryLocks(): Promise<readonly ModelRow[]>;
  /** Ends the backends, and waits until they are gone. */
  terminate(pids: readonly number[]): Promise<void>;
}

export type ModelRow = Pick<LockRow, 'classid' | 'objid' | 'objsubid' | 'granted'>;

export interface Member extends Pick<Locks, 'service' | 'engine'> {
  /** Whether it has a connection to wait on for every name, and so is always in Postgres' queue. */
  readonly hasConnections: boolean;
}

/** The services under test, and the locks that they gave: their fate is reported to the model. */
export class Fleet {
  private readonly locks = new Map<Request, AdvisoryLock>();
  private readonly leaving = new Map<Request, { controller: AbortController; settled: Promise<void> }>();
  private readonly changes = new EventEmitter();
  private readonly keyRegistry = new KeyRegistry();
  /** Services that have lost their sessions: their waiters may fail because the connection broke. */
  private readonly broken = new Set<number>();
  private failure: Error | undefined;

  constructor(
    private readonly server: ModelServer,
    private readonly members: readonly Member[],
    private readonly model: LockModel,
    private readonly names: { readonly plain: readonly string[]; readonly permits: string },
    private readonly permits: number,
    /** Keeps the locks of one run apart from those of another. */
    private readonly prefix: string,
  ) {}

  async try(request: Request, isAlone = true): Promise<void> {
    const hasToBeGranted = isAlone && this.model.isFree(request);
    const lock = await this.serviceOf(request).tryAcquire(this.nameOf(request), optionsOf(request));
    if (lock !== undefined) this.grant(request, lock);
    else if (hasToBeGranted) throw new Error(`It is free, but was refused: ${describe(request)}`);
  }

  /** Resolves when the request has its place in its service, or was granted. */
  async wait(request: Request): Promise<void> {
    const controller = new AbortController();
    const service = this.serviceOf(request);
    this.model.startsToWait(request);
    const settled = service
      .acquire(this.nameOf(request), {
        ...optionsOf(request),
        waitMs: Infinity,
        signal: controller.signal,
      })
      .then(
        (lock) => {
          this.grant(request, lock);
        },
        (error: unknown) => {
          if (error !== controller.signal.reason && !this.isOfLoss(request, error)) throw error;
          this.model.left(request);
        },
      )
      .catch((error: unknown) => (this.failure ??= error as Error))
      .then(() => {
        this.leaving.delete(request);
        this.changes.emit('change');
      });
    this.leaving.set(request, { controller, settled });
    // Before they wait, a reader asks whether a writer waits in another process, and a caller
    // tries all permits. A service asks one thing after the other, so that when it has
    // returned as many results again, they wait.
    for (let n = 0; n < this.permits + 2; n += 1) await service.isLocked('another');
  }

  /** Ends a wait; it may have been granted in the same moment. */
  async abort(request: Request): Promise<void> {
    const wait = this.leaving.get(request);
    // From this moment on it blocks no one, and the waiter behind it may be
    // served before its end is reported.
    this.model.left(request);
    wait?.controller.abort();
    await inTime(wait?.settled, () => `an aborted wait to end: ${describe(request)}`);
  }

  /** One call tries and another one waits, in the same moment; the one that waits may be served first. */
  async tryAndWait(trying: Request, waiting: Request): Promise<void> {
    await Promise.all([this.try(trying, false), this.wait(waiting)]);
  }

  /** Ends all sessions of the service: its locks are lost, and its holders are notified. */
  async lose(service: number): Promise<void> {
    const { engine } = this.memberOf(service);
    this.broken.add(service);
    const locks = this.model.lost(service).map((holder) => {
      const lock = this.locks.get(holder);
      this.locks.delete(holder);
      return lock;
    });
    // A backend reports its end before it gives its locks back, so it is waited for.
    await this.server.terminate(engine.backendPids);
    for (const lock of locks) {
      if (lock?.isHeld !== true) continue;
      await inTime(
        once(lock.signal, 'abort').then(() => undefined),
        () => `the loss of ${lock.name}`,
      );
    }
    await this.loseGrantsSince(service);
    this.changes.emit('change');
  }

  /** The end of one session may have granted a lock to another one that was about to end. */
  private async loseGrantsSince(service: number): Promise<void> {
    // What has come from those sessions is read before the response; the question may be the first to fail.
    await this.memberOf(service)
      .service.isLocked('another')
      .catch(() => undefined);
    for (const [request, lock] of this.locks) {
      if (request.service !== service) continue;
      await lock.fencingToken().catch(() => undefined);
      if (lock.isHeld) continue;
      this.locks.delete(request);
      this.model.released(request);
    }
  }

  async release(request: Request): Promise<void> {
    const lock = this.locks.get(request);
    this.locks.delete(request);
    this.model.released(request);
    if (lock?.isHeld !== true) {
      throw new Error(`It was lost: ${describe(request)}`, { cause: lock?.signal.reason });
    }
    await inTime(lock.release(), () => `a release: ${describe(request)}`);
  }

  /** Waits until all callers that must be served have been, and compares with the database. */
  async settle(): Promise<void> {
    const deadline = AbortSignal.timeout(SETTLE_DEADLINE_MS);
    for (;;) {
      if (this.failure !== undefined) throw this.failure;
      const due = this.model.due();
      if (due.length > 0) {
        await once(this.changes, 'change', { signal: deadline }).catch(() => {
          throw this.failure ?? new Error(`Free, but not granted: ${due.map(describe).join('; ')}`);
        });
        continue;
      }
      const rows = await this.server.advisoryLocks();
      const differences = this.compare(rows);
      if (differences.length === 0) return;
      // A wait is on its way to the queue or to its grant, so that a difference counts only when it stays.
      // Without waiters, nothing is on its way.
      if (deadline.aborted || this.model.waiters.length === 0) throw new Error(differences.join('\n'));
      await sleep(2);
    }
  }

  /** Releases everything until no caller waits; then nothing may be left. */
  async finish(): Promise<void> {
    await this.settle();
    while (this.model.holders.length > 0) {
      for (const holder of [...this.model.holders]) await this.release(holder);
      await this.settle();
    }
    const rows = await this.server.advisoryLocks();
    const { permits, turn } = this.permitKeys();
    const left = [...this.names.plain.map((name) => this.keyOf(name)), ...permits, turn].flatMap((key) =>
      rowsOf(rows, key),
    );
    if (this.model.waiters.length > 0 || left.length > 0) {
      throw new Error(`Left: ${this.model.waiters.map(describe).join('; ')} ${JSON.stringify(left)}`);
    }
  }

  private grant(request: Request, lock: AdvisoryLock): void {
    this.locks.set(request, lock);
    this.model.granted(request);
  }

  private compare(rows: readonly ModelRow[]): string[] {
    const { holders, waiters } = this.model;
    const differences: string[] = [];
    const expect = (what: string, actual: number, expected: number): void => {
      if (actual !== expected)
        differences.push(`${what}: ${actual} in the database, ${expected} in the model`);
    };
    for (const name of this.names.plain) {
      const rowsOfName = rowsOf(rows, this.keyOf(name));
      const holding = new Set(
        holders.filter(({ names }) => names.includes(name)).map(({ service }) => service),
      );
      const waiting = waiters.filter(({ names }) => names.includes(name));
      const queued = new Set(waiting.map(({ service }) => service));
      for (const service of holding) queued.delete(service);
      if (waiting.length === 0) expect(`processes that hold ${name}`, granted(rowsOfName), holding.size);
      // A waiter for several locks, one that tries again for lack of a connection, and one that shares its
      // connection with other long waits of its process may be in the queue or not.
      const isCertain = waiting.every(
        ({ service }) =>
          waiters.every((other) => other.service !== service || isAloneFor(other, name)) &&
          this.members[service]?.hasConnections === true,
      );
      if (!isCertain) continue;
      const differencesBefore = differences.length;
      expect(`processes in the queue for ${name}`, rowsOfName.length - granted(rowsOfName), queued.size);
      if (differences.length > differencesBefore) continue;
      for (const service of queued) this.model.isQueued(service, name);
    }
    const permitHolders = holders.filter(({ permits }) => permits > 1);
    if (!waiters.some(({ permits }) => permits > 1)) {
      const { permits, turn } = this.permitKeys();
      const rowsOfPermits = permits.flatMap((key) => rowsOf(rows, key));
      expect('permits', granted(rowsOfPermits), permitHolders.length);
      expect('turns', rowsOf(rows, turn).length, 0);
    }
    return differences;
  }

  private isOfLoss({ service }: Request, error: unknown): boolean {
    return this.broken.has(service) && (error as { code?: unknown }).code === 'LOCK_CONNECTION';
  }

  private serviceOf({ service }: Request): Locks['service'] {
    return this.memberOf(service).service;
  }

  private memberOf(service: number): Member {
    const member = this.members[service];
    if (member === undefined) throw new Error(`There is no service ${service}`);
    return member;
  }

  private nameOf({ names: [first = '', ...more] }: Request): string | string[] {
    return more.length === 0 ? this.prefix + first : [first, ...more].map((name) => this.prefix + name);
  }

  private keyOf(name: string): LockKey {
    return this.keyRegistry.keyOf(this.prefix + name);
  }

  private permitKeys(): ReturnType<KeyRegistry['permitKeysOf']> {
    return this.keyRegistry.permitKeysOf(this.prefix + this.names.permits, this.permits);
  }
}

function optionsOf({ mode, permits }: Request): LockOptions {
  return permits > 1 ? { permits } : { mode };
}

function rowsOf(rows: readonly ModelRow[], key: LockKey): ModelRow[] {
  return rows.filter(
    ({ classid, objid, objsubid }) =>
      classid === key.classid && objid === key.objid && objsubid === key.objsubid,
  );
}

function granted(rows: readonly ModelRow[]): number {
  return rows.filter((row) => row.granted).length;
}

async function inTime(promise: Promise<void> | undefined, what: () => string): Promise<void> {
  const done = new AbortController();
  const late = sleep(SETTLE_DEADLINE_MS, undefined, { signal: done.signal }).then(
    () => {
      throw new Error(`Waited too long for ${what()}`);
    },
    () => undefined,
  );
  try {
    await Promise.race([promise, late]);
  } finally {
    done.abort();
  }
}

/** Whether the request is for that lock, and for no other. */
function isAloneFor({ names, permits }: Request, name: string): boolean {
  return permits === 1 && names.length === 1 && names[0] === name;
}
