/**
 * Limits how many notifications of one backend are read in a second: any client of the database may send
 * some.
 */
export class SenderLimit {
  /** How many arrived in this second, by the pid of their backend. */
  private readonly counts = new Map<number, number>();
  private secondEndsAt = 0;

  constructor(private readonly maxASecond: number) {}

  /** Counts one notification; returns whether it may be read. */
  allows(senderPid: number): boolean {
    const now = performance.now();
    if (now >= this.secondEndsAt) {
      this.counts.clear();
      this.secondEndsAt = now + 1_000;
    }
    const count = (this.counts.get(senderPid) ?? 0) + 1;
    this.counts.set(senderPid, count);
    return count <= this.maxASecond;
  }
}
