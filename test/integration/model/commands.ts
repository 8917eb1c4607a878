import fc from 'fast-check';
import type { Fleet } from './fleet.js';
import { describe, type LockModel, type Request } from './lock-model.js';

type Wanted = Omit<Request, 'number'>;
type LockCommand = fc.AsyncCommand<LockModel, Fleet>;

/** What is done, and what it was done to: a counterexample is printed with both. */
abstract class Command implements LockCommand {
  private done = '';

  abstract check(model: LockModel): boolean;
  protected abstract act(model: LockModel, fleet: Fleet): Promise<void>;

  async run(model: LockModel, fleet: Fleet): Promise<void> {
    await this.act(model, fleet);
    await fleet.settle();
  }

  toString(): string {
    return this.done;
  }

  protected note(what: string): void {
    this.done = what;
  }
}

/** One caller after the other of one service: queues get long. */
class Ask extends Command {
  constructor(
    private readonly wanted: Wanted,
    private readonly callers: number,
  ) {
    super();
  }

  check(): boolean {
    return true;
  }

  protected async act(model: LockModel, fleet: Fleet): Promise<void> {
    for (let n = 1; n <= this.callers; n += 1) {
      const request = model.newRequest(this.wanted);
      this.note(n === 1 ? describe(request) : `${describe(request)}, for ${n} callers`);
      await (request.waits ? fleet.wait(request) : fleet.try(request));
      await fleet.settle();
    }
  }
}

/** The result of the one finds the other in the queue behind it. */
class TryAndWait extends Command {
  constructor(private readonly wanted: Omit<Wanted, 'waits'>) {
    super();
  }

  check(): boolean {
    return true;
  }

  protected async act(model: LockModel, fleet: Fleet): Promise<void> {
    const trying = model.newRequest({ ...this.wanted, waits: false });
    const waiting = model.newRequest({ ...this.wanted, waits: true });
    this.note(`${describe(trying)} and ${describe(waiting)}`);
    await fleet.tryAndWait(trying, waiting);
  }
}

/** All sessions of a service end. */
class Lose extends Command {
  constructor(private readonly service: number) {
    super();
  }

  check({ holders, waiters }: LockModel): boolean {
    return [...holders, ...waiters].some(({ service }) => service === this.service);
  }

  protected async act(_: LockModel, fleet: Fleet): Promise<void> {
    this.note(`service ${this.service} loses its sessions`);
    await fleet.lose(this.service);
  }
}

class Release extends Command {
  constructor(private readonly place: number) {
    super();
  }

  check({ holders }: LockModel): boolean {
    return holders.length > 0;
  }

  protected async act({ holders }: LockModel, fleet: Fleet): Promise<void> {
    const holder = pick(holders, this.place);
    this.note(`release #${holder.number}`);
    await fleet.release(holder);
  }
}

class Abort extends Command {
  constructor(private readonly place: number) {
    super();
  }

  check({ waiters }: LockModel): boolean {
    return waiters.length > 0;
  }

  protected async act({ waiters }: LockModel, fleet: Fleet): Promise<void> {
    const waiter = pick(waiters, this.place);
    this.note(`abort #${waiter.number}`);
    await fleet.abort(waiter);
  }
}

/** The grant and the abort meet. */
class ReleaseAndAbort extends Command {
  constructor(
    private readonly holder: number,
    private readonly waiter: number,
  ) {
    super();
  }

  check({ holders, waiters }: LockModel): boolean {
    return holders.length > 0 && waiters.length > 0;
  }

  protected async act({ holders, waiters }: LockModel, fleet: Fleet): Promise<void> {
    const [holder, waiter] = [pick(holders, this.holder), pick(waiters, this.waiter)];
    this.note(`release #${holder.number} and abort #${waiter.number}`);
    await Promise.all([fleet.release(holder), fleet.abort(waiter)]);
  }
}

export interface CommandsOf {
  readonly services: number;
  readonly plainNames: readonly string[];
  readonly permitName: string;
  readonly permits: number;
  /** Whether sessions may end in the middle. */
  readonly hasLosses: boolean;
}

export function lockCommands(of: CommandsOf): fc.Arbitrary<Iterable<LockCommand>> {
  const mode = fc.constantFrom('exclusive' as const, 'shared' as const);
  const one = fc.constantFrom(...of.plainNames).map((name) => [name]);
  const several = fc.shuffledSubarray([...of.plainNames], { minLength: 2 });
  const permit = { names: [of.permitName], mode: 'exclusive' as const, permits: of.permits };
  const anything = fc.oneof(
    { weight: 6, arbitrary: fc.record({ names: one, mode }) },
    { weight: 2, arbitrary: fc.record({ names: several, mode }) },
    { weight: 2, arbitrary: fc.constant(permit) },
  );
  // On one name alone, queues get long enough for services to take turns.
  const hotName = fc.constant(of.plainNames.slice(0, 1));
  const hot = fc.record({ names: hotName, mode });
  const mostlyReaders = fc.constantFrom(
    'shared' as const,
    'shared' as const,
    'shared' as const,
    'exclusive' as const,
  );
  const read = fc.record({ names: hotName, mode: mostlyReaders });
  const crossing = fc.record({
    names: fc.oneof(one, several, several),
    mode: fc.constant('exclusive' as const),
  });
  // A loss leaves what waits for several locks, or for a permit, in doubt.
  return fc.oneof(
    ...[anything, crossing].map((what) => sequences(what, of.services)),
    ...[hot, read].map((what) => sequences(what, of.services, of.hasLosses ? of.services : 0)),
  );
}

function sequences(
  what: fc.Arbitrary<Partial<Wanted> & Pick<Wanted, 'names' | 'mode'>>,
  services: number,
  servicesThatLose = 0,
): fc.Arbitrary<Iterable<LockCommand>> {
  const who = fc.record({ service: fc.nat(services - 1), waits: fc.boolean() });
  const callers = fc.integer({ min: 1, max: 4 });
  const ask = fc
    .tuple(who, what, callers)
    .map(([by, wanted, count]) => new Ask({ permits: 1, ...by, ...wanted }, count));
  const place = fc.nat(9);
  const release = place.map((holder) => new Release(holder));
  const abort = place.map((waiter) => new Abort(waiter));
  const both = fc.tuple(place, place).map(([holder, waiter]) => new ReleaseAndAbort(holder, waiter));
  const tryAndWait = fc
    .tuple(fc.nat(services - 1), what)
    .map(([service, wanted]) => new TryAndWait({ permits: 1, service, ...wanted }));
  const lose = fc.nat(Math.max(0, servicesThatLose - 1)).map((service) => new Lose(service));
  const more = servicesThatLose > 0 ? [tryAndWait, lose] : [];
  // In the proportions of this list.
  return fc.commands([ask, ask, ask, release, release, release, abort, abort, both, ...more], {
    maxCommands: 60,
    size: 'max',
  });
}

function pick(requests: readonly Request[], place: number): Request {
  const request = requests[place % requests.length];
  if (request === undefined) throw new Error('There is none to pick');
  return request;
}

const exclusive = { names: ['a'], mode: 'exclusive', permits: 1 } as const;
const shared = { ...exclusive, mode: 'shared' } as const;
const wait = (service: number, how: typeof exclusive | typeof shared = exclusive): LockCommand =>
  new Ask({ ...how, service, waits: true }, 1);
const attempt = (service: number): LockCommand => new Ask({ ...exclusive, service, waits: false }, 1);

/**
 * Sequences that together go through every transition of a key, also through those that chance rarely finds.
 */
export const scripts: Readonly<Record<string, readonly LockCommand[]>> = {
  'a try that is granted, and one that is refused': [attempt(0), attempt(1), new Release(0)],
  'a wait that is granted at once': [wait(0), new Release(0)],
  'hand-offs inside a service, and then a turn for another one': [
    ...[0, 0, 0, 0, 1].map((service) => wait(service)),
    ...Array.from({ length: 5 }, () => new Release(0)),
  ],
  'waiters that leave': [wait(0), wait(1), new Abort(0), new Release(0)],
  'a waiter in the other mode, once the first one has left': [
    wait(0),
    wait(1),
    wait(1, shared),
    new Abort(0),
    new Release(0),
    new Release(0),
  ],
  'a try that is refused while another call waits behind it': [
    wait(0),
    new TryAndWait({ ...exclusive, service: 1 }),
    new Release(0),
    new Release(0),
  ],
  'a reader that begins to wait while another one tries': [
    new TryAndWait({ ...shared, service: 0 }),
    new Release(0),
    new Release(0),
  ],
  'a loss without waiters, and one with': [
    wait(0),
    new Lose(0),
    wait(0),
    wait(0),
    new Lose(0),
    new Release(0),
  ],
};
