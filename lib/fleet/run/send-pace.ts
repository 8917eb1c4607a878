/** Keeps a process from sending more in a second than it may. */
export class SendPace {
  /** When the last ones were sent, or are to be sent, by `performance.now()`, the earliest first. */
  private readonly sentAt: number[] = [];

  constructor(private readonly maxASecond: number) {}

  /** Resolves when the next one may be sent, in the order of the calls. */
  async turn(): Promise<void> {
    const now = performance.now();
    const earliest = this.sentAt.length < this.maxASecond ? undefined : this.sentAt.shift();
    const at = earliest === undefined ? now : Math.max(now, earliest + 1_000);
    this.sentAt.push(at);
    if (at > now) await new Promise<void>((resolve) => setTimeout(resolve, Math.ceil(at - now)).unref());
  }
}
