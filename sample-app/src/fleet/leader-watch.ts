import { setTimeout as delay } from 'node:timers/promises';

/**
 * The kernel closes the sockets of a process before it tells the parent of its end, and Postgres hands the lock over at
 * once: the next leader may be heard of first, in what counts as 0 ms then.
 */
const endToldWithinMs = 200;

interface Term {
  name: string;
  end?: { how: string; atMs: number };
}

/** Who leads, and for how long nobody did, as the launcher hears of it. */
export class LeaderWatch {
  private readonly terms: Term[] = [];

  get leader(): string | undefined {
    return this.terms.at(-1)?.name;
  }

  /** Answers what to say of it. */
  async begins(name: string): Promise<string> {
    const atMs = performance.now();
    const before = this.terms.at(-1);
    this.terms.push({ name });
    await delay(endToldWithinMs);
    if (!before?.end) return `${name} leads`;
    const gapMs = Math.max(0, Math.round(atMs - before.end.atMs));
    return `${name} leads (${gapMs} ms after ${before.name} ${before.end.how})`;
  }

  /** The first that is told of a term counts: who has stopped leading is gone a moment later. */
  ends(name: string, how: 'was gone' | 'stopped leading'): void {
    const term = this.terms.findLast((each) => each.name === name);
    if (term) term.end ??= { how, atMs: performance.now() };
  }
}
