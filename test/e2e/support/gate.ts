import { defer } from '../../support/cleanup.js';

/**
 * A gate in a locked body: the test is notified when a caller reaches it, and
 * opens it, at its end at the latest.
 */
export class Gate {
  private arrive!: () => void;
  private letThrough!: () => void;
  readonly reached = new Promise<void>((resolve) => (this.arrive = resolve));
  private readonly opened = new Promise<void>((resolve) => (this.letThrough = resolve));

  constructor() {
    // A body that never ends would hold up the shutdown of its application, and
    // after a failure hide it behind a hang.
    defer(() => {
      this.open();
    });
  }

  pass(): Promise<void> {
    this.arrive();
    return this.opened;
  }

  open(): void {
    this.letThrough();
  }
}
