import { LockCapacityError } from '../errors/lock-capacity.error.js';
import { nameTemplate } from '../key/name-template.js';

/** How many templates a refusal names. */
const SHOWN_TEMPLATES = 3;

/** For how long a description counts, in milliseconds: refusals come in bursts, and names may be many. */
const DESCRIPTION_MS = 1_000;

/**
 * How many locks this process holds at once, and how many it may. Without a limit of its own it keeps out of
 * the last half of the server's lock table: when that is full, no other client can connect.
 */
export class LockRoom {
  private count = 0;
  private serverAllows: number | undefined;
  private description: { readonly text: string; readonly madeAt: number } | undefined;

  constructor(
    private readonly maxLocks?: number,
    /** The names of the locks that are held. */
    private readonly heldNames: () => Iterable<string> = () => [],
  ) {}

  /** How many locks are held or on their way. */
  get used(): number {
    return this.count;
  }

  /** How many there may be; `undefined` while that is not known. */
  get allowed(): number | undefined {
    return this.maxLocks ?? this.serverAllows;
  }

  /** Notes how many locks the server's lock table has room for, where the server reports that. */
  measure(capacity: number | null | undefined): void {
    this.serverAllows = capacity == null ? undefined : Math.max(1, Math.floor(capacity / 2));
  }

  /** Takes the place of one more lock; returns false when there is none. */
  take(): boolean {
    if (this.count >= (this.allowed ?? Infinity)) return false;
    this.count += 1;
    return true;
  }

  /** Counts a lock that is held already. */
  add(): void {
    this.count += 1;
  }

  /** Gives places back. */
  free(count = 1): void {
    this.count -= count;
  }

  /** The error of a lock that had no place. */
  refusal(lockName: string): LockCapacityError {
    const now = performance.now();
    if (this.description === undefined || now > this.description.madeAt + DESCRIPTION_MS)
      this.description = { text: this.describe(), madeAt: now };
    const { allowed } = this;
    return new LockCapacityError(
      lockName,
      undefined,
      `this process holds ${this.count} locks, and ` +
        (this.maxLocks === undefined
          ? `may hold ${allowed}, half of what the lock table of the server has room for: when that is ` +
            'full, no client can connect to the server any more'
          : `\`maxLocks\` of AdvisoryLockModule is ${allowed}`) +
        `. Most of them are ${this.description.text}. Release locks that are no longer needed, hold fewer ` +
        'at once, or set `maxLocks` higher',
    );
  }

  private describe(): string {
    const counts = new Map<string, number>();
    for (const name of this.heldNames()) {
      const template = nameTemplate(name);
      counts.set(template, (counts.get(template) ?? 0) + 1);
    }
    return (
      [...counts]
        .sort(([, one], [, other]) => other - one)
        .slice(0, SHOWN_TEMPLATES)
        .map(([template, count]) => `"${template}" (${count})`)
        .join(', ') || 'on their way'
    );
  }
}
