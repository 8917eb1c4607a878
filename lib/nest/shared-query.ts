/** Sends a query for its callers. Callers at the same time share one query. */
export class SharedQuery<T> {
  private query: { readonly askedAt: number; readonly result: Promise<T>; isSettled: boolean } | undefined;
  private last: { readonly result: T; readonly at: number } | undefined;

  constructor(private readonly ask: () => Promise<T>) {}

  /** The latest result. */
  get latest(): T | undefined {
    return this.last?.result;
  }

  /** The age of the latest result, in milliseconds; `Infinity` before the first. */
  get ageMs(): number {
    return this.last === undefined ? Infinity : performance.now() - this.last.at;
  }

  /** How long ago the latest query was sent, in milliseconds; `Infinity` before the first. */
  get askedMsAgo(): number {
    return this.query === undefined ? Infinity : performance.now() - this.query.askedAt;
  }

  /**
   * The result of the query in flight, or else of the latest one if it was sent within that time, or else of
   * a new one.
   */
  get(maxAgeMs: number): Promise<T> {
    if (this.query !== undefined && (!this.query.isSettled || this.askedMsAgo < maxAgeMs))
      return this.query.result;
    return this.send();
  }

  /** The result of the query in flight, or else of a new one. */
  refresh(): Promise<T> {
    return this.get(0);
  }

  private send(): Promise<T> {
    const query = { askedAt: performance.now(), result: this.ask(), isSettled: false };
    this.query = query;
    query.result.then(
      (result) => {
        query.isSettled = true;
        this.last = { result, at: performance.now() };
      },
      () => {
        query.isSettled = true;
      },
    );
    return query.result;
  }
}
