/** What reports to other processes. */
export interface WakeUpPublisher {
  /** A call of this process waits for the key without a place in the queue of Postgres. */
  wanted(keyId: string): void;
  /** This process has given back a key that another one wants. */
  freed(keyId: string): void;
}

/**
 * Wakes waits that try again from time to time, rather than standing in the queue of Postgres, when the
 * process that holds their key gives it back. A wake-up may get lost, and may come from any client of the
 * database: it only lets a wait try sooner.
 */
export class WakeUps {
  private readonly sleepers = new Map<string, () => void>();
  private readonly wantedByOthers = new Set<string>();
  private publisher: WakeUpPublisher | undefined;

  /** @param isUsed - whether any call of this process holds the key, requests it or waits for it. */
  constructor(private readonly isUsed: (keyId: string) => boolean) {}

  /** Whether holders in other processes can be asked for wake-ups. */
  get isJoined(): boolean {
    return this.publisher !== undefined;
  }

  /** At most one publisher. */
  join(publisher: WakeUpPublisher): void {
    this.publisher = publisher;
  }

  /** Asks the holder to report its release. To be called again after each wake-up in vain. */
  ask(keyId: string, wake: () => void): void {
    this.sleepers.set(keyId, wake);
    this.publisher?.wanted(keyId);
  }

  /** The wait for the key is over. */
  forget(keyId: string): void {
    this.sleepers.delete(keyId);
  }

  /** Another process has given the key back. */
  wake(keyId: string): void {
    this.sleepers.get(keyId)?.();
  }

  /**
   * Another process waits for the key, and wants to know when it is given back. A key that this process does
   * not use is not remembered, so that no one can fill the memory with keys.
   */
  want(keyId: string): void {
    if (this.isUsed(keyId)) this.wantedByOthers.add(keyId);
  }

  /** This process does not use the key any more. */
  unused(keyId: string): void {
    this.wantedByOthers.delete(keyId);
  }

  /** Whether another process waits for the key, as far as it has reported that. */
  isWanted(keyId: string): boolean {
    return this.wantedByOthers.has(keyId);
  }

  /** This process has given the key back. */
  freed(keyId: string): void {
    // A wait that gets it in vain asks again.
    if (this.wantedByOthers.delete(keyId)) this.publisher?.freed(keyId);
  }
}
