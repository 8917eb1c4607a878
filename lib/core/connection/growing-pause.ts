/**
 * Pauses that double from the first to the longest. Each is shortened by up to a half: otherwise processes
 * would try at the same time again and again.
 */
export class GrowingPause {
  private fullMs: number;

  constructor(
    private readonly firstMs: number,
    private readonly longestMs: number,
  ) {
    this.fullMs = firstMs;
  }

  /** The next pause, in milliseconds. */
  nextMs(): number {
    const ms = this.fullMs * (0.5 + Math.random() / 2);
    this.fullMs = Math.min(this.longestMs, this.fullMs * 2);
    return ms;
  }

  /** Starts again with the first pause. */
  reset(): void {
    this.fullMs = this.firstMs;
  }
}
