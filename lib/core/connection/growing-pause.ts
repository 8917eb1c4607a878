/** Pauses that double from the first to the longest. Each is shortened by up to a half: without that, those who pause would meet again and again. */
export class GrowingPause {
  private fullMs: number;

  constructor(
    private readonly firstMs: number,
    private readonly longestMs: number,
  ) {
    this.fullMs = firstMs;
  }

  /** The next one, in milliseconds. */
  nextMs(): number {
    const ms = this.fullMs * (0.5 + Math.random() / 2);
    this.fullMs = Math.min(this.longestMs, this.fullMs * 2);
    return ms;
  }

  /** Begins with the first one again. */
  reset(): void {
    this.fullMs = this.firstMs;
  }
}
