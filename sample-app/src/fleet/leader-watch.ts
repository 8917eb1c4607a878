import { setTimeout as delay } from 'node:timers/promises';

/**
 * The kernel closes the sockets of a process before it reports its end to the parent, and Postgres hands the
 * lock over at once. So the next leader may report first, which counts as 0 ms.
 */
const endReportedWithinMs = 200;

interface Term {
  name: string;
  end?: { how: string; atMs: number };
}

/** Which instance leads, and how long none did, as the launcher sees it. */
export class LeaderWatch {
  private readonly terms: Term[] = [];

  get leader(): string | undefined {
    return this.terms.at(-1)?.name;
  }

  /** Resolves to the line for the board. */
  async begins(name: string): Promise<string> {
    const atMs = performance.now();
    const before = this.terms.at(-1);
    this.terms.push({ name });
    await delay(endReportedWithinMs);
    if (!before?.end) return `${name} leads`;
    const gapMs = Math.max(0, Math.round(atMs - before.end.atMs));
    return `${name} leads (${gapMs} ms after ${before.name} ${before.end.how})`;
  }

  /** The first report about a term counts: an instance that stopped leading is gone a moment later. */
  ends(name: string, how: 'was gone' | 'stopped leading'): void {
    const term = this.terms.findLast((each) => each.name === name);
    if (term) term.end ??= { how, atMs: performance.now() };
  }
}
