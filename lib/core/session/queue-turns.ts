/**
 * The long waits of this process, of which one at a time stands in the queue of Postgres: all of them together
 * take one connection.
 */
export class QueueTurns {
  /** Each wait with what tells it that it is its turn. The first one stands in the queue. */
  private readonly line = new Map<object, () => void>();

  /** Whether other waits want a turn too. */
  get isShared(): boolean {
    return this.line.size > 1;
  }

  /** Puts the wait into the line, unless it is there; returns whether it is its turn. */
  isNext(wait: object, onTurn: () => void): boolean {
    if (!this.line.has(wait)) this.line.set(wait, onTurn);
    return this.first === wait;
  }

  /** The turn is over: it is that of the next wait. */
  pass(wait: object): void {
    const onTurn = this.line.get(wait);
    if (onTurn === undefined || !this.isShared) return;
    this.leave(wait);
    this.line.set(wait, onTurn);
  }

  /** The wait is over. */
  leave(wait: object): void {
    const wasFirst = this.first === wait;
    this.line.delete(wait);
    const { first } = this;
    if (wasFirst && first !== undefined) this.line.get(first)?.();
  }

  private get first(): object | undefined {
    const [first] = this.line.keys();
    return first;
  }
}
