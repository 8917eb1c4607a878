import { setTimeout as sleep } from 'node:timers/promises';
import { AdvisoryLockError } from '../core/index.js';
import { ExitStatus, statusOfSignal } from './exit-status.js';
import { InterruptedError } from './interrupted.error.js';
import { printError, print } from './print.js';
import { fitting, inPlace, screenHeight } from './screen.js';
import { Signals } from './signals.js';

/** Shows again and again what `refresh` answers, until a signal comes or nobody reads any more; answers the exit status. */
export async function watch(refresh: () => Promise<readonly string[]>, everyMs: number): Promise<number> {
  const signals = new Signals();
  const end = new AbortController();
  const stop = (): void => {
    end.abort(signals.interrupted.reason);
  };
  signals.interrupted.addEventListener('abort', stop);
  // Who reads may leave, like head(1).
  process.stdout.once('error', stop);
  try {
    await showUntil(end.signal, refresh, everyMs);
  } finally {
    signals.stop();
    // The last picture has no end of line, so that it does not scroll.
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
      // What fails at once is a wrong address rather than a server that is away.
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

/** On a terminal, over what was seen last. */
function showAway(message: string, lines: readonly string[]): void {
  if (process.stdout.isTTY) show([message, 'What follows was seen before:', ...lines]);
  else printError(message);
}
