/**
 * One direction of one connection: what is sent arrives in its order,
 * later, or not until the silence is over.
 */
export class Lane {
  readonly #waiting: { dueAt: number; deliver: () => void }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly isSilent: () => boolean) {}

  send(delayMs: number, deliver: () => void): void {
    this.#waiting.push({ dueAt: performance.now() + delayMs, deliver });
    this.flush();
  }

  flush(): void {
    clearTimeout(this.#timer);
    for (let next = this.#waiting[0]; next !== undefined && !this.isSilent(); next = this.#waiting[0]) {
      const waitMs = next.dueAt - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => {
          this.flush();
        }, waitMs);
        return;
      }
      this.#waiting.shift();
      next.deliver();
    }
  }
}
