/** A wait that shares the queue of Postgres with the other long waits of its process. */
export interface QueueTurn {
  /** It is its turn. */
  begin(): void;
  /** Another wait wants a turn too. */
  share(): void;
}

/**
 * The long waits of this process, of which one at a time stands in the queue of Postgres: all of them
 * together take one connection.
 */
export class QueueTurns {
  /** The first one stands in the queue. */
  private readonly line = new Set<QueueTurn>();

  /** Whether other waits want a turn too. */
  get isShared(): boolean {
    return this.line.size > 1;
  }

  /** Puts the wait into the line, unless it is there; returns whether it is its turn. */
  isNext(wait: QueueTurn): boolean {
    this.line.add(wait);
    const first = this.first() ?? wait;
    if (first !== wait) first.share();
    return first === wait;
  }

  /** The turn is over: it is that of the next wait. */
  pass(wait: QueueTurn): void {
    if (!this.isShared || !this.line.has(wait)) return;
    this.leave(wait);
    this.line.add(wait);
  }

  /** The wait is over. */
  leave(wait: QueueTurn): void {
    const wasFirst = this.first() === wait;
    this.line.delete(wait);
    if (wasFirst) this.first()?.begin();
  }

  private first(): QueueTurn | undefined {
    const [first] = this.line;
    return first;
  }
}
