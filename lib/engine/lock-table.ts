import { LockConnectionError } from '../errors/lock-connection.error.js';
import { LockShutdownError } from '../errors/lock-shutdown.error.js';
import type { LockConnections } from './lock-connections.js';
import { LockHold } from './lock-hold.js';
import type { LockKey } from './lock-key.js';
import { LockSession } from './lock-session.js';

/** What this process does with a key at the moment: it asks for it, or holds it, or gives it back. */
type Entry =
  | { readonly state: 'asking'; readonly answer: Promise<LockHold | undefined> }
  | { readonly state: 'held'; readonly hold: LockHold }
  | { readonly state: 'releasing'; readonly hold: LockHold; readonly done: Promise<void> };

/**
 * Who in this process holds which key. Exclusion inside the process is decided here, without a round trip, and must be:
 * Postgres grants a key again to the session that holds it.
 */
export class LockTable {
  private readonly entries = new Map<string, Entry>();
  private session: LockSession | undefined;
  private opening: Promise<LockSession> | undefined;
  private closing = false;
  private onEmpty: (() => void) | undefined;

  constructor(private readonly connections: LockConnections) {}

  /** Whether no more locks are taken, for ever. */
  get isClosed(): boolean {
    return this.closing;
  }

  /** Takes the key, or answers `undefined` when it is held, here or elsewhere. */
  tryAcquire(key: LockKey): Promise<LockHold | undefined> {
    if (this.closing) return Promise.reject(new LockShutdownError(key.name));
    return this.entries.has(key.id) ? this.tryBusy(key) : this.ask(key);
  }

  /** Gives the key back. Never rejects: a lock that cannot be given back is lost, and its session ends, which frees it. */
  release(hold: LockHold): Promise<void> {
    if (hold.lost !== undefined) return Promise.resolve();
    const { key, session } = hold;
    const done = new Promise<void>((resolve) => {
      const forget = (): void => {
        // Unless it was lost meanwhile: then the key may be asked for anew by now.
        if (hold.lost === undefined) this.forget(key);
        resolve();
      };
      session.request({ operation: 'unlock', key, resolve: forget, reject: forget });
    });
    this.entries.set(key.id, { state: 'releasing', hold, done });
    return done;
  }

  /** Whether anybody in the database holds the key, this process included. */
  async isLocked(key: LockKey): Promise<boolean> {
    if (this.entries.get(key.id)?.state === 'held') return true;
    const session = this.session ?? (await this.openSession(key));
    return session.isLocked(key);
  }

  /**
   * Takes no more locks, gives the holders some time to release theirs, and tells those that have not that theirs is lost;
   * then it closes the connection.
   */
  async close(graceMs: number): Promise<void> {
    this.closing = true;
    await this.emptied(graceMs);
    this.loseAll((hold) => {
      hold.lose('the application is shutting down');
    });
    await this.opening?.catch(() => undefined);
    await this.session?.close();
    await this.connections.close();
  }

  /** For a key that this process has something to do with already. */
  private async tryBusy(key: LockKey): Promise<LockHold | undefined> {
    const entry = this.entries.get(key.id);
    if (entry === undefined) return this.ask(key);
    if (entry.state === 'held') return undefined;
    if (entry.state === 'releasing') {
      await entry.done;
      return this.tryBusy(key);
    }
    // Somebody here has just asked, and the answer serves both: granted to them or refused, it is not free for us.
    await entry.answer;
    return undefined;
  }

  private ask(key: LockKey): Promise<LockHold | undefined> {
    const answer = new Promise<LockHold | undefined>((resolve, reject) => {
      const fail = (error: Error): void => {
        this.forget(key);
        reject(error);
      };
      const tryOn = (session: LockSession): void => {
        session.request({
          operation: 'try',
          key,
          resolve: (isGranted) => {
            if (!isGranted) this.forget(key);
            resolve(isGranted ? this.granted(key, session) : undefined);
          },
          reject: fail,
        });
      };
      if (this.session === undefined) this.openSession(key).then(tryOn, fail);
      else tryOn(this.session);
    });
    this.entries.set(key.id, { state: 'asking', answer });
    return answer;
  }

  private granted(key: LockKey, session: LockSession): LockHold {
    const hold = new LockHold(key, session);
    this.entries.set(key.id, { state: 'held', hold });
    return hold;
  }

  /** The session, opened when first needed; however many ask at once, there is one attempt. */
  private async openSession(key: LockKey): Promise<LockSession> {
    this.opening ??= this.connect();
    try {
      return await this.opening;
    } catch (error) {
      throw error instanceof LockConnectionError ? new LockConnectionError(error.cause, key.name) : error;
    }
  }

  private async connect(): Promise<LockSession> {
    try {
      const connection = await this.connections.open();
      this.session = new LockSession(connection, (session, cause) => {
        this.lost(session, cause);
      });
      return this.session;
    } finally {
      this.opening = undefined;
    }
  }

  private lost(session: LockSession, cause: Error): void {
    if (this.session === session) this.session = undefined;
    this.loseAll((hold) => {
      hold.lose(`its database connection ended (${cause.message})`, cause);
    });
  }

  private loseAll(lose: (hold: LockHold) => void): void {
    for (const [id, entry] of this.entries) {
      if (entry.state === 'asking') continue;
      this.entries.delete(id);
      lose(entry.hold);
    }
    this.tellIfEmpty();
  }

  private forget(key: LockKey): void {
    this.entries.delete(key.id);
    this.tellIfEmpty();
  }

  private tellIfEmpty(): void {
    if (this.entries.size === 0) this.onEmpty?.();
  }

  private async emptied(graceMs: number): Promise<void> {
    if (this.entries.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
