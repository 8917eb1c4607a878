import type { LockMode } from '../../../lib/core/index.js';

/** What one caller in one service asked for. */
export interface Request {
  /** Counts up in the order of asking. */
  readonly number: number;
  readonly service: number;
  readonly names: readonly string[];
  readonly mode: LockMode;
  readonly permits: number;
  /** Whether it waits; otherwise it tries once. */
  readonly waits: boolean;
}

/**
 * Holders and waiters, in memory. The order between several services is theirs to decide, so the model does
 * not predict grants: it objects to wrong ones, and names those that are due.
 */
export class LockModel {
  readonly holders: Request[] = [];
  readonly waiters: Request[] = [];
  /** Services in Postgres' queue for a name, and how often each other service was served since. */
  private readonly turns = new Map<string, Map<number, number>>();
  /** Callers of a service that held the lock and had no waiter: a reader may be let in at once. */
  private readonly joining = new Set<Request>();
  /** Services whose readers a writer of another service keeps out; see {@link putOffReaders}. */
  private readonly putOff = new Set<string>();
  private asked = 0;

  constructor(private readonly maxLocalHandoffs: number) {}

  newRequest(wanted: Omit<Request, 'number'>): Request {
    this.asked += 1;
    return { number: this.asked, ...wanted };
  }

  /** Whether the request has no obstacle: a try must be granted. */
  isFree(request: Request): boolean {
    return !this.isBusy(request) && !this.waiters.some((waiter) => shareName(waiter, request));
  }

  /**
   * Waiters that nothing holds up any more, directly or through others that
   * are held up: they must be granted.
   */
  due(): Request[] {
    const blocked = new Set(this.waiters.filter((waiter) => this.isBusy(waiter) || this.isPutOff(waiter)));
    // Grows while it is read, which a Set allows. A waiter for several locks may hold some of them already.
    for (const blocker of blocked) {
      for (const waiter of this.waiters) if (conflict(blocker, waiter)) blocked.add(waiter);
    }
    return this.waiters.filter((waiter) => !blocked.has(waiter));
  }

  startsToWait(request: Request): void {
    const isNear = (other: Request): boolean =>
      other.service === request.service && shareName(other, request);
    if (this.holders.some(isNear) && !this.waiters.some(isNear)) this.joining.add(request);
    this.waiters.push(request);
    this.putOffReaders();
  }

  granted(request: Request): void {
    if (this.isBusy(request)) {
      const others = this.holders.filter((holder) => shareName(holder, request));
      throw broken('There are more holders than allowed', request, others);
    }
    const overtaken = this.waiters.filter((waiter) => overtakes(request, waiter));
    if (overtaken.length > 0) throw broken('A waiter was overtaken in its own service', request, overtaken);
    this.countTurn(request);
    this.forget(request);
    this.holders.push(request);
    this.putOffReaders();
  }

  left(request: Request): void {
    this.forget(request);
  }

  released(request: Request): void {
    this.holders.splice(this.holders.indexOf(request), 1);
    for (const name of request.names) {
      const isShared = this.holders.some(
        ({ service, names }) => service === request.service && names.includes(name),
      );
      if (!isShared) this.putOff.delete(turnOf(request.service, name));
    }
  }

  /**
   * The sessions of the service have ended: its locks are lost, and its waiters
   * have lost their places in the queue.
   */
  lost(service: number): Request[] {
    const lost = this.holders.filter((holder) => holder.service === service);
    for (const holder of lost) this.released(holder);
    for (const turn of this.turns.keys()) if (turn.startsWith(`${service} `)) this.turns.delete(turn);
    return lost;
  }

  /**
   * The service was seen in Postgres' queue for the name: from now on others have
   * a bounded number of turns before it.
   */
  isQueued(service: number, name: string): void {
    const turn = turnOf(service, name);
    if (!this.turns.has(turn)) this.turns.set(turn, new Map());
  }

  private isBusy(request: Request): boolean {
    if (request.permits === 1) return this.holders.some((holder) => conflict(holder, request));
    return this.holders.filter((holder) => shareName(holder, request)).length >= request.permits;
  }

  /**
   * Readers of a service that were kept out for a writer of another service stay out until the service has
   * given its shared lock back, also when that writer leaves: the service is not notified.
   */
  private putOffReaders(): void {
    for (const holder of this.holders) {
      for (const writer of this.waiters) {
        if (holder.mode === 'exclusive' || writer.mode === 'shared' || holder.service === writer.service)
          continue;
        for (const name of holder.names) {
          if (writer.names.includes(name)) this.putOff.add(turnOf(holder.service, name));
        }
      }
    }
  }

  private isPutOff({ service, names, mode }: Request): boolean {
    return mode === 'shared' && names.some((name) => this.putOff.has(turnOf(service, name)));
  }

  private countTurn(request: Request): void {
    const { service, names, mode, waits, number } = request;
    // Readers in the queue are all served at once, however many.
    if (mode === 'shared' && waits && !this.joining.has(request)) return;
    for (const [turn, served] of this.turns) {
      const [waiting, name] = turn.split(' ');
      if (name === undefined || !names.includes(name) || waiting === String(service)) continue;
      const count = (served.get(service) ?? 0) + 1;
      served.set(service, count);
      if (count <= this.maxLocalHandoffs + 1) continue;
      throw new Error(
        `Service ${waiting} waits for ${name}, and service ${service} was served ${count} times (${number})`,
      );
    }
  }

  private forget(request: Request): void {
    for (const name of request.names) this.turns.delete(turnOf(request.service, name));
    const place = this.waiters.indexOf(request);
    if (place >= 0) this.waiters.splice(place, 1);
  }
}

export function describe({ number, service, names, mode, permits, waits }: Request): string {
  const how = permits > 1 ? `${permits} permits` : mode;
  return `#${number} of service ${service}: ${waits ? 'wait' : 'try'} ${names.join('+')} ${how}`;
}

function turnOf(service: number, name: string): string {
  return `${service} ${name}`;
}

function shareName(a: Request, b: Request): boolean {
  return a.names.some((name) => b.names.includes(name));
}

function conflict(a: Request, b: Request): boolean {
  return shareName(a, b) && (a.mode === 'exclusive' || b.mode === 'exclusive');
}

/**
 * Whether granting the one breaks the order of a service. Of several locks, which one
 * is waited for is not known from outside.
 */
function overtakes(request: Request, waiter: Request): boolean {
  const isInOrder = request.permits === 1 || request.waits;
  return (
    isInOrder &&
    waiter.names.length === 1 &&
    waiter.service === request.service &&
    waiter.number < request.number &&
    shareName(waiter, request)
  );
}

function broken(what: string, request: Request, others: readonly Request[]): Error {
  return new Error(
    `${what}: ${describe(request)} was granted together with ${others.map(describe).join('; ')}`,
  );
}
