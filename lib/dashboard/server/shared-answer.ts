export interface SharedAnswerTimes {
  /** An answer serves everybody who comes for so long after it was asked for. */
  readonly everyMs: number;
  /** Nobody waits longer than this after it was asked for. */
  readonly patienceMs: number;
}

/** Asks when somebody wants to know, at most so often, and one at a time, however many want to know. */
export class SharedAnswer<T> {
  private asked: { readonly atMs: number; readonly answer: Promise<T>; isSettled: boolean } | undefined;

  constructor(
    private readonly ask: () => Promise<T>,
    private readonly times: SharedAnswerTimes,
  ) {}

  /** Rejects as the question does, and when its answer takes too long. */
  async get(): Promise<T> {
    const nowMs = performance.now();
    if (this.asked === undefined || (this.asked.isSettled && nowMs - this.asked.atMs >= this.times.everyMs)) {
      this.askAnew(nowMs);
    }
    const { atMs, answer } = this.asked as NonNullable<typeof this.asked>;
    return within(answer, Math.max(0, atMs + this.times.patienceMs - nowMs), this.times.patienceMs);
  }

  private askAnew(atMs: number): void {
    const asked = { atMs, answer: this.ask(), isSettled: false };
    const settle = (): void => {
      asked.isSettled = true;
    };
    asked.answer.then(settle, settle);
    this.asked = asked;
  }
}

/** What the promise settles with, if it does in time. */
export function within<T>(promise: Promise<T>, ms: number, toldMs = ms): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`The database has not answered within ${toldMs} ms.`));
    }, ms);
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer);
    });
  });
}
