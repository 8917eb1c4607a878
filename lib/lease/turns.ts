import { Pause } from './pause.js';

/**
 * The calls of this process that wait for leases. Of those that wait for one name only the first asks the
 * server; the others wait in line behind it.
 */
export class Turns {
  private readonly lines = new Map<string, Turn[]>();

  /** Whether calls wait for the name. */
  isWaitedFor(name: string): boolean {
    return this.lines.has(name);
  }

  /** Joins the end of the line. */
  join(name: string): Turn {
    const line = this.lines.get(name) ?? [];
    const turn = new Turn(line, () => {
      if (line.length === 0) this.lines.delete(name);
    });
    line.push(turn);
    this.lines.set(name, line);
    return turn;
  }

  /** Lets the first in line ask at once. */
  wake(name: string): void {
    this.lines.get(name)?.[0]?.wake();
  }
}

/** The place of a call in its line. */
export class Turn extends Pause {
  constructor(
    private readonly line: Turn[],
    private readonly onLeave: () => void,
  ) {
    super();
  }

  get isFirst(): boolean {
    return this.line[0] === this;
  }

  /** Leaves the line; the next is the first then, and is woken. */
  leave(): void {
    const wasFirst = this.isFirst;
    this.line.splice(this.line.indexOf(this), 1);
    if (wasFirst) this.line[0]?.wake();
    this.onLeave();
  }
}
