import type { Diagnosis } from '../../inspection/diagnosis.js';

/** The doctor's last word. However many ask for a new one at once, the server is asked once. */
export class RecentDiagnosis {
  private last: { readonly diagnosis: Diagnosis; readonly at: number } | undefined;
  private asking: Promise<void> | undefined;

  constructor(private readonly diagnose: () => Promise<Diagnosis>) {}

  get latest(): Diagnosis | undefined {
    return this.last?.diagnosis;
  }

  /** In milliseconds; `Infinity` before the first. */
  get ageMs(): number {
    return this.last === undefined ? Infinity : performance.now() - this.last.at;
  }

  /** Looks anew, and resolves when that is done or the time is over: a server that hangs is then still being asked. */
  async renew(withinMs: number): Promise<void> {
    this.asking ??= this.look();
    let timer: NodeJS.Timeout | undefined;
    const timeIsOver = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, withinMs);
    });
    await Promise.race([this.asking, timeIsOver]);
    clearTimeout(timer);
  }

  private async look(): Promise<void> {
    try {
      this.last = { diagnosis: await this.diagnose(), at: performance.now() };
    } finally {
      this.asking = undefined;
    }
  }
}
