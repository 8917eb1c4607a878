import { LockShutdownError } from '../errors/lock-shutdown.error.js';
import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import type { LockSession } from '../session/lock-session.js';
import type { AcquireOptions } from './acquire-options.js';
import type { BlockedCall } from './blocked-call.js';
import type { Chained } from './chained-map.js';
import { HoldSet } from './hold-set.js';
import { FREE, type KeyState, NEXT_STATES } from './key-state.js';
import type { KeyEntryTable } from './key-entry-table.js';
import { type RequestingEntry, TryRequest, UnlockRequest } from './key-requests.js';
import { LockHold } from './lock-hold.js';
import { QueuedAcquisition } from './queued-acquisition.js';
import { Waiter } from './waiter.js';
import { WaiterQueue } from './waiter-queue.js';

/** How soon readers that wait for a writer of another process notice that it has left, in milliseconds. */
const RECHECK_MS = 100;

/**
 * How long other processes may have to wait before they are looked for, in milliseconds: so long
 * hand-offs inside the process are not counted after a look that has found none.
 */
const LOOK_MS = 2;

/** The queue of all keys for which no one has waited, as most locks are of such keys. It stays empty. */
const NO_WAITERS = new WaiterQueue();

/**
 * One key: what this process does with it, and its queue of waiters, first come, first served.
 * ARCHITECTURE.md draws the states and their transitions.
 */
export class KeyEntry implements RequestingEntry, Chained<KeyEntry> {
  nextInChain: KeyEntry | undefined;
  private waiters = NO_WAITERS;
  private state: KeyState = FREE;
  /**
   * How often the lock was handed on, or joined by a reader, inside the process since other processes had
   * their turn.
   */
  private handoffs = 0;
  /** Until then, by `performance.now()`, it is this process's turn, however often it hands the key on. */
  private goesOnUntil = 0;
  private recheck: NodeJS.Timeout | undefined;

  constructor(
    readonly key: LockKey,
    private readonly table: KeyEntryTable,
  ) {}

  get id(): string {
    return this.key.id;
  }

  get isHeld(): boolean {
    return this.state.name === 'held';
  }

  /** The holds that use the lock. */
  get holds(): LockHold[] {
    return this.state.name === 'held' ? [...this.state.holds] : [];
  }

  /** The calls that wait for it here, in the order of the queue. */
  get waiting(): readonly Waiter[] {
    return [...this.waiters];
  }

  /** Takes the key, which this process has not used until now. */
  tryFirst(mode: LockMode): TryRequest {
    const request = new TryRequest(this, mode, this.table.sessions);
    this.enter({ name: 'trying', request });
    return request;
  }

  /** Takes the key, which this process uses already. */
  async tryAgain(mode: LockMode): Promise<LockHold | undefined> {
    const { key, state, table } = this;
    if (this.waiters.length > 0) return undefined;
    if (this.canBeJoined(mode)) return this.join();
    if (state.name === 'releasing') {
      await state.done;
      return table.tryAcquire(key, mode);
    }
    if (state.name !== 'trying') return undefined;
    // The request of another caller here is on its way, and its result is valid for both: a key that is
    // granted to one, or refused, is not free for the other.
    const { request } = state;
    const hold = await request.outcome();
    const isDecided = request.mode === mode && (mode === 'exclusive' || hold === undefined);
    return isDecided ? undefined : table.tryAcquire(key, mode);
  }

  /**
   * Waits for the key; resolves to `undefined` when the time is over, and rejects with the reason of the
   * signal. `inside` are the locks that the call keeps meanwhile.
   */
  wait(options: AcquireOptions, inside: readonly LockHold[]): Promise<LockHold | undefined> {
    const waiter = new Waiter(this.key, options, inside, this);
    if (this.waiters === NO_WAITERS) this.waiters = new WaiterQueue();
    this.waiters.add(waiter);
    if (this.state.name === 'free') {
      this.queue();
    } else {
      waiter.notifyWaiting();
      if (this.waiters.first === waiter) this.letReadersIn();
    }
    this.watch(waiter);
    return waiter.outcome;
  }

  /** The holds that are in the way of a call that waits for the key, as far as they are in this process. */
  holdsInTheWayOf({ mode }: BlockedCall): readonly LockHold[] {
    return mode === 'shared' && this.isHeldByReaders ? [] : this.holds;
  }

  /** The waiter before a call in the queue of this process. */
  waiterBefore(call: BlockedCall): Waiter | undefined {
    return this.waiters.before(call);
  }

  /**
   * Hands the key to the first waiter here, or gives it back. Returns a promise only when that takes time; it
   * never rejects: a lock that cannot be given back is lost, and its session ends, which frees it.
   */
  release(hold: LockHold): Promise<void> | undefined {
    if (this.state.name !== 'held') return undefined;
    const { holds, mode, session } = this.state;
    // The hold of a session that has ended is in no state any more; one that was withdrawn is.
    if (!holds.delete(hold)) return undefined;
    hold.released();
    if (holds.size > 0) return undefined;
    const isNext = mode === 'exclusive' && this.waiters.first?.mode === mode;
    const { maxLocalHandoffs, quickTurnMs, sessions } = this.table;
    const isTurnOver = this.handoffs >= maxLocalHandoffs && performance.now() >= this.goesOnUntil;
    // What was waited for in the queue, others want as well: they are given their turn without a look.
    const isGivenUp = maxLocalHandoffs === 0 || (isTurnOver && sessions.waiting.has(session));
    if (!isNext || isGivenUp || !session.isRecent) {
      // A session that ends before it has confirmed the release has lost the lock, maybe long before.
      return this.unlock(hold.lost === undefined ? hold : new LockHold(hold.key, mode, session));
    }
    if (isTurnOver) return this.lookForOthers(session, mode);
    if (this.handoffs === 0) this.goesOnUntil = Math.max(this.goesOnUntil, performance.now() + quickTurnMs);
    this.handoffs += 1;
    this.grant(session, mode);
    return undefined;
  }

  /**
   * Hands the key on if no other process waits for it, which takes half of what it takes to give it back and
   * to request it again.
   */
  private async lookForOthers(session: LockSession, mode: LockMode): Promise<void> {
    // The key is held for the next holder: when the session ends, it is lost.
    const kept = this.addHold();
    const askedAt = performance.now();
    // A look that fails decides nothing; the session has ended, or has another statement to fail.
    const isWaitedFor =
      this.table.wakeUps.isWanted(this.key.id) || (await session.isWaitedFor(this.key).catch(() => true));
    if (kept.lost !== undefined || this.state.name !== 'held') return;
    this.state.holds.delete(kept);
    if (isWaitedFor || this.waiters.first?.mode !== mode) return this.unlock(kept);
    this.handoffs = 0;
    const now = performance.now();
    // The more locks there are on the server, the longer a look takes.
    this.goesOnUntil = now + Math.max(LOOK_MS, now - askedAt);
    this.grant(session, mode);
  }

  /** Call it when a session has ended: its holds are lost, the waiters compete. Returns those in use. */
  lose(session: LockSession, cause: Error): LockHold[] {
    const inUse = this.holds.filter((hold) => hold.session === session);
    const lost = this.grants.filter((hold) => hold.session === session);
    // First, as a holder that is notified may release what it has lost, which must not be handed on.
    if (lost.length > 0) this.next();
    for (const hold of lost) hold.lose(`its database connection ended (${cause.message})`, cause);
    return inUse;
  }

  /** Finds out whether the wait closes a deadlock. One that keeps no lock, behind all others, does not. */
  private watch(waiter: Waiter): void {
    if (waiter.inside.length === 0 && this.waiters.last === waiter) return;
    // What it has notified may have aborted it.
    if (waiter.queue !== this.waiters) return;
    const { blockedCalls } = this.table;
    waiter.onOver = (): void => {
      blockedCalls.end(waiter);
    };
    blockedCalls.begin(waiter);
  }

  /** Ends all waiting; resolves when this process is in no queue for the key. */
  async endWaiting(): Promise<void> {
    for (const waiter of this.waiters.removeAll()) waiter.fail(new LockShutdownError(this.key.name));
    if (this.state.name === 'queued') await this.state.acquisition.stop();
  }

  /** Takes the lock away from its holders before the sessions are closed. */
  revoke(reason: string): void {
    const { grants } = this;
    if (grants.length > 0) this.free();
    for (const hold of grants) hold.lose(reason);
  }

  /** What Postgres has granted and has not got back yet. */
  private get grants(): LockHold[] {
    return this.state.name === 'releasing' ? [this.state.hold] : this.holds;
  }

  private enter(state: KeyState): void {
    const { name: from } = this.state;
    if (!NEXT_STATES[from].includes(state.name))
      throw new Error(`Bug in nestjs-advisory-lock: the key ${this.id} went from ${from} to ${state.name}`);
    if (state.name === 'free') this.table.wakeUps.unused(this.key.id);
    this.state = state;
    this.table.onTransition?.(from, state.name);
  }

  private free(): void {
    this.enter(FREE);
    this.table.freed(this.key);
  }

  private hold(session: LockSession, mode: LockMode): void {
    this.enter({ name: 'held', mode, session, holds: new HoldSet() });
  }

  private addHold(): LockHold {
    if (this.state.name !== 'held') throw new Error(`the key ${this.key.id} is not held`);
    const { mode, session, holds } = this.state;
    const hold = new LockHold(this.key, mode, session);
    holds.add(hold);
    return hold;
  }

  /** Whether another reader may join without a request to Postgres. It must not overtake the waiters here. */
  private canBeJoined(mode: LockMode): boolean {
    return mode === 'shared' && this.isHeldByReaders && this.waiters.length === 0;
  }

  private get isHeldByReaders(): boolean {
    return this.state.name === 'held' && this.state.mode === 'shared';
  }

  private isReaderNext(): boolean {
    return this.isHeldByReaders && this.waiters.first?.mode === 'shared';
  }

  /**
   * Adds a reader without a round trip, unless it is the turn of others: endless readers would starve a
   * writer.
   */
  private async join(): Promise<LockHold | undefined> {
    if (!(await this.mayGoOn())) return undefined;
    if (!this.canBeJoined('shared')) return this.table.tryAcquire(this.key, 'shared');
    this.handoffs += 1;
    return this.addHold();
  }

  /** Whether another reader may join. If not, it is the turn of other processes first. */
  private async mayGoOn(): Promise<boolean> {
    const { state, table } = this;
    if (state.name === 'held' && !state.session.isRecent)
      await state.session.confirm().catch(() => undefined);
    if (state.name === 'held' && state.session.end !== undefined) return false;
    if (this.handoffs < table.maxLocalHandoffs) return true;
    const session = await table.sessions.openShared(this.key);
    if (await session.isWaitedFor(this.key)) return false;
    this.handoffs = 0;
    return true;
  }

  private letReadersIn(): void {
    if (this.isReaderNext()) void this.admitReaders();
  }

  /**
   * Admits readers that waited for a writer which is gone. A writer of another process does not report when
   * it is gone, so this is checked again from time to time.
   */
  private async admitReaders(): Promise<void> {
    try {
      while (this.isReaderNext()) {
        const mayGoOn = await this.mayGoOn();
        if (!this.isReaderNext()) return;
        if (!mayGoOn) {
          this.recheckLater();
          return;
        }
        this.handoffs += 1;
        this.waiters.shift()?.grant(this.addHold());
      }
    } catch {
      // A session has ended. When it is the one that holds the lock, the waiters compete again.
      this.recheckLater();
    }
  }

  private recheckLater(): void {
    this.recheck ??= setTimeout(() => {
      this.recheck = undefined;
      this.letReadersIn();
    }, RECHECK_MS).unref();
  }

  /**
   * Gives the key, which the session holds, to the first waiter, and behind a reader to all readers that
   * follow. When no one waits in this mode, it gives the key back to Postgres.
   */
  private grant(session: LockSession, mode: LockMode): void {
    const { state, waiters } = this;
    // Handed on, it is held as before, without an object for each hand-over.
    if (state.name === 'held') this.enter(state);
    else this.hold(session, mode);
    let isServed = false;
    while (waiters.first?.mode === mode && (mode === 'shared' || !isServed)) {
      waiters.shift()?.grant(this.addHold());
      isServed = true;
    }
    if (!isServed) void this.unlock(new LockHold(this.key, mode, session));
  }

  private unlock(hold: LockHold): Promise<void> {
    const done = hold.session.request(new UnlockRequest(this, hold));
    this.enter({ name: 'releasing', hold, done });
    return done;
  }

  /** For requests of this entry alone. @internal */
  granted(session: LockSession, mode: LockMode): LockHold {
    this.hold(session, mode);
    const hold = this.addHold();
    // Readers that began to wait during the request need not wait for this one.
    this.letReadersIn();
    return hold;
  }

  /** For requests of this entry alone. @internal */
  givenBack({ key, lost, session }: LockHold): void {
    // A hold that was lost meanwhile is over: another request for the key may be on its way.
    if (lost !== undefined) return;
    this.table.sessions.waiting.giveBack(session);
    this.table.wakeUps.freed(key.id);
    this.next();
  }

  /**
   * For this entry and its requests alone, when this process does not hold the key: the waiters compete for
   * it. @internal
   */
  next(): void {
    if (this.waiters.length > 0) this.queue();
    else this.free();
  }

  private queue(): void {
    const { key, table, waiters } = this;
    const acquisition = new QueuedAcquisition(
      key,
      waiters.first?.mode ?? 'exclusive',
      () => table.sessions.openShared(key),
      table.sessions.waiting,
      table.wakeUps,
      () => [...waiters].reduce((latest, { deadline }) => Math.max(latest, deadline), 0) - performance.now(),
      () => {
        for (const waiter of waiters) waiter.notifyWaiting();
      },
    );
    this.handoffs = 0;
    this.enter({ name: 'queued', acquisition });
    acquisition.outcome.then(
      (session) => {
        if (session === undefined || session.end !== undefined) this.next();
        else this.grant(session, acquisition.mode);
      },
      (error: unknown) => {
        for (const waiter of waiters.removeAll()) waiter.fail(error);
        this.next();
      },
    );
  }

  /** For waiters alone: takes one out; resolves when no session waits or holds on its behalf. @internal */
  async leave(waiter: Waiter): Promise<void> {
    if (!this.waiters.remove(waiter)) return;
    this.letReadersIn();
    if (this.state.name !== 'queued') return;
    // The first waiter may now want the key in the other mode, which takes another acquisition.
    if (this.waiters.first?.mode === this.state.acquisition.mode) return;
    await this.state.acquisition.stop();
    await this.released();
  }

  /** Waits until a key that was granted at the last moment is given back. */
  private async released(): Promise<void> {
    if (this.state.name === 'releasing') await this.state.done;
  }
}
