import { parseArgs } from 'node:util';
import {
  type AdvisoryLock,
  checkOptions,
  type LockEngine,
  type LockMode,
  lockRules,
  LockTimeoutError,
  LockUnavailableError,
} from '../core/index.js';
import { Child } from './child.js';
import type { CliCommand } from './cli-command.js';
import { readDurationMs } from './duration.js';
import { ExitStatus } from './exit-status.js';
import { KEY_OPTIONS_HELP, keyOptions, readKeyOptions, readName } from './key-arguments.js';
import { openEngineInFleet } from './open-engine-in-fleet.js';
import { printError } from './print.js';
import { Signals } from './signals.js';
import { readArguments, UsageError } from './usage.error.js';

const KILL_AFTER_LIMITS = { min: '0s', max: '24h' };

/** Runs a command while the lock is held. */
export const runCommand: CliCommand = {
  usage:
    '<name> [--wait <time>|forever] [--mode shared] [--permits <n>] [--kill-after <time>] ' +
    '[--scheme …] [--namespace …] -- <command> …',
  summary: 'Runs a command while the lock is held: flock(1) for a fleet',
  details: [
    '  --wait <time>         how long to wait for a busy lock: 500ms, 10s, 2m, 1h or forever (default: 0)',
    '  --mode <mode>         exclusive (default) or shared',
    '  --permits <n>         how many may hold it at once in the fleet (default: 1)',
    '  --kill-after <time>   how long the command may take to end when the lock is lost (default: 10s)',
    KEY_OPTIONS_HELP,
    '',
    'The signals INT, TERM, HUP and QUIT are passed on to the command. When the lock is lost, the command',
    'gets TERM, and KILL after --kill-after.',
    '',
    'Exit status: that of the command, 128 + n when signal n has ended it, or',
    `  ${ExitStatus.usage}   the arguments or DATABASE_URL are wrong`,
    `  ${ExitStatus.noDatabase}   the database cannot be reached, or gives no locks`,
    `  ${ExitStatus.busy}   the lock is busy; the command was not started`,
    `  ${ExitStatus.lost}   the lock was lost while the command ran, and the command was ended`,
    '  126  the command cannot be run',
    '  127  the command is not found',
  ].join('\n'),

  async run(args) {
    const wanted = readArguments(() => readRun(args));
    const signals = new Signals();
    const { engine } = openEngineInFleet(`run ${wanted.name}`, wanted.keys);
    try {
      const lock = await take(engine, wanted, signals.interrupted);
      signals.interrupted.throwIfAborted();
      const status = await runUnder(lock, wanted, signals);
      await lock.release();
      if (lock.lost !== undefined) throw lock.lost;
      return status;
    } finally {
      await engine.close(0);
      signals.stop();
    }
  },
};

type Wanted = ReturnType<typeof readRun>;

async function runUnder(
  lock: AdvisoryLock,
  { file, fileArgs, killAfterMs }: Wanted,
  signals: Signals,
): Promise<number> {
  lock.signal.throwIfAborted();
  const child = await Child.start(file, fileArgs);
  signals.passOnTo(child);
  let ending: Promise<void> | undefined;
  const end = (): void => {
    printError('The lock is lost: the command is ended.');
    ending = child.end(killAfterMs);
  };
  if (lock.signal.aborted) end();
  else lock.signal.addEventListener('abort', end, { once: true });
  const status = await child.status;
  lock.signal.removeEventListener('abort', end);
  await ending;
  return status;
}

/** Takes the lock, or rejects with `LOCK_UNAVAILABLE` or `LOCK_TIMEOUT`. */
async function take(
  { locks }: LockEngine,
  { name, mode, permits, waitMs }: Wanted,
  signal: AbortSignal,
): Promise<AdvisoryLock> {
  const lock = await locks.tryAcquire(name, { mode, permits, waitMs, signal });
  if (lock !== undefined) return lock;
  throw waitMs > 0
    ? new LockTimeoutError(name, waitMs)
    : new LockUnavailableError(
        name,
        {},
        `The lock "${name}" is held by another holder; --wait waits for it.`,
      );
}

function readRun(args: string[]) {
  const end = args.indexOf('--');
  const [file, ...fileArgs] = end < 0 ? [] : args.slice(end + 1);
  const { values, positionals } = parseArgs({
    args: end < 0 ? args : args.slice(0, end),
    options: {
      ...keyOptions,
      wait: { type: 'string', default: '0' },
      mode: { type: 'string', default: 'exclusive' },
      permits: { type: 'string', default: '1' },
      'kill-after': { type: 'string', default: '10s' },
    },
    allowPositionals: true,
  });
  const name = readName(positionals);
  if (file === undefined) throw new UsageError('The command is missing: it must follow `--`.');
  const { keys } = readKeyOptions(values);
  keys.check(name);
  const mode = values.mode as LockMode;
  const permits = Number(values.permits);
  const waitMs = values.wait === 'forever' ? Infinity : readDurationMs(values.wait, '--wait');
  checkOptions({ mode, permits, waitMs }, lockRules, 'run');
  if (permits > 1 && mode === 'shared') {
    throw new UsageError(
      '--permits and --mode shared exclude each other: a shared lock has any number of readers.',
    );
  }
  return {
    name,
    keys,
    mode,
    permits,
    waitMs,
    killAfterMs: readDurationMs(values['kill-after'], '--kill-after', KILL_AFTER_LIMITS),
    file,
    fileArgs,
  };
}
