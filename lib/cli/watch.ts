import { setTimeout as sleep } from 'node:timers/promises';
import { AdvisoryLockError, printable } from '../core/index.js';
import { ExitStatus, statusOfSignal } from './exit-status.js';
import { InterruptedError } from './interrupted.error.js';
import { printError, print } from './print.js';
import { fitting, inPlace, screenHeight } from './screen.js';
import { Signals } from './signals.js';

/**
 * Shows what `refresh` resolves to, again and again, until a signal arrives or the reader of the output has
 * gone. Resolves to the exit status.
 */
export async function watch(refresh: () => Promise<readonly string[]>, everyMs: number): Promise<number> {
  const signals = new Signals();
  const end = new AbortController();
  const stop = (): void => {
    end.abort(signals.interrupted.reason);
  };
  signals.interrupted.addEventListener('abort', stop);
  // The reader of the output may end early, like head(1).
  process.stdout.once('error', stop);
  try {
    await showUntil(end.signal, refresh, everyMs);
  } finally {
    signals.stop();
    // The last screen has no line break at its end, so that it does not scroll.
    if (process.stdout.isTTY) print('');
  }
  const reason: unknown = end.signal.reason;
  return reason instanceof InterruptedError ? statusOfSignal(reason.signal) : ExitStatus.ok;
}

async function showUntil(
  ended: AbortSignal,
  refresh: () => Promise<readonly string[]>,
  everyMs: number,
): Promise<void> {
  const isOver = new Promise<void>((resolve) => {
    ended.addEventListener('abort', () => {
      resolve();
    });
  });
  let lines: readonly string[] | undefined;
  while (!ended.aborted) {
    try {
      const seen = await Promise.race([refresh(), isOver]);
      if (seen === undefined) return;
      lines = seen;
      show(lines);
    } catch (error) {
      // If the first attempt fails, the address is probably wrong, rather than the server away for a while.
      if (lines === undefined || !(error instanceof AdvisoryLockError)) throw error;
      showAway(error.message, lines);
    }
    await sleep(everyMs, undefined, { signal: ended }).catch(() => undefined);
  }
}

function show(lines: readonly string[]): void {
  if (process.stdout.isTTY) process.stdout.write(inPlace(fitting(lines, screenHeight())));
  else print(lines.join('\n'));
}

/** On a terminal, the message stands above the last known state. */
function showAway(message: string, lines: readonly string[]): void {
  if (process.stdout.isTTY) show([printable(message), 'The last known state:', ...lines]);
  else printError(message);
}
