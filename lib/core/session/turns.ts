/** A batch that waits for its turn. */
export interface BatchTurn {
  /** Whether it is worth a statement of its own while another batch is still on its way. */
  readonly mayOverlap: boolean;
  /** Sends it. Never rejects. */
  begin(): Promise<void>;
}

type Turn = BatchTurn | { readonly mayOverlap: 'alone'; begin(): Promise<void> };

/**
 * The order in which one connection is used: first come, first served, one at a time. Only a batch may begin
 * while one other batch is on its way, so that this process works while the server does, and the other way
 * round.
 */
export class Turns {
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
    for (let [turn] = this.waiting; turn !== undefined && this.mayBegin(turn); [turn] = this.waiting) {
      this.waiting.shift();
      this.running += 1;
      this.areBatches = turn.mayOverlap !== 'alone';
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
  return { mayOverlap: 'alone', begin: () => work().then(resolve, reject) };
}
