import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defer } from '../../support/cleanup.js';

/**
 * A clock of its own for a process that is started with `env`, by libfaketime: what `Date` says
 * is moved, what `performance.now()` and timers go by is not. It can be set while the process
 * runs, as an NTP daemon or an operator would.
 *
 * @see https://github.com/wolfcw/libfaketime
 */
export class FakeClock {
  readonly env: NodeJS.ProcessEnv;
  private readonly file: string;

  /** Removed after the test. */
  constructor(aheadMs = 0) {
    const folder = mkdtempSync(join(tmpdir(), 'clock-'));
    defer(() => {
      rmSync(folder, { recursive: true });
    });
    this.file = join(folder, 'ahead');
    this.set(aheadMs);
    this.env = {
      // The dynamic linker puts the folder of the architecture in for $LIB.
      LD_PRELOAD: '/usr/$LIB/faketime/libfaketimeMT.so.1',
      FAKETIME_TIMESTAMP_FILE: this.file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
  }

  /** What it is ahead of this machine's clock from now on; behind it when negative. */
  set(aheadMs: number): void {
    // Replaced at once: the process reads it each time that it asks for the time.
    const next = `${this.file}.next`;
    writeFileSync(next, `${aheadMs < 0 ? '-' : '+'}${(Math.abs(aheadMs) / 1_000).toFixed(3)}\n`);
    renameSync(next, this.file);
  }
}
