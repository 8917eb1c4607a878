/** What waits for its turn. */
interface Turn {
  /** Whether a batch is worth a statement of its own while another one is still on its way. */
  readonly mayOverlap?: boolean;
  /** Never rejects. */
  begin(): Promise<void>;
}

/** A batch that waits for its turn. */
export type BatchTurn = Required<Turn>;

/**
 * The order in which one connection is used: first come, first served, one at a time. Only a batch may begin
 * while one other batch is on its way, so that this process works while the server does, and the other way
 * round.
 */
export class StatementTurns {
  private readonly waiting: Turn[] = [];
  private running = 0;
  private areBatches = false;

  /** Runs the work after that of all earlier calls, and before that of all later ones. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.waiting.push(aloneTurn(work, resolve, reject));
      this.beginNext();
    });
  }

  /** Runs the work as soon as what runs now is over, before all that waits. */
  aloneNext<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.waiting.unshift(aloneTurn(work, resolve, reject));
      this.beginNext();
    });
  }

  /** Sends the batch after the work of all earlier calls, or behind the batch that is on its way. */
  batch(turn: BatchTurn): void {
    this.waiting.push(turn);
    this.beginNext();
  }

  /** Call it when a batch that waits may overlap from now on. */
  readonly beginNext = (): void => {
    for (let turn = this.waiting[0]; turn !== undefined && this.mayBegin(turn); turn = this.waiting[0]) {
      this.waiting.shift();
      this.running += 1;
      this.areBatches = turn.mayOverlap !== undefined;
      void turn.begin().then(this.over);
    }
  };

  private readonly over = (): void => {
    this.running -= 1;
    this.beginNext();
  };

  private mayBegin({ mayOverlap }: Turn): boolean {
    return this.running === 0 || (this.running === 1 && this.areBatches && mayOverlap === true);
  }
}

function aloneTurn<T>(
  work: () => Promise<T>,
  resolve: (result: T) => void,
  reject: (error: unknown) => void,
): Turn {
  return { begin: () => work().then(resolve, reject) };
}
