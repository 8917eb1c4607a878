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
  return fc.oneof(...[anything, hot, read, crossing].map((what) => sequences(what, of.services)));
}

function sequences(
  what: fc.Arbitrary<Partial<Wanted> & Pick<Wanted, 'names' | 'mode'>>,
  services: number,
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
  // As often as they stand here.
  return fc.commands([ask, ask, ask, release, release, release, abort, abort, both], {
    maxCommands: 60,
    size: 'max',
  });
}

function pick(requests: readonly Request[], place: number): Request {
  const request = requests[place % requests.length];
  if (request === undefined) throw new Error('There is none to pick');
  return request;
}
