import { parseArgs } from 'node:util';
import { SqlState, sqlStateOf } from '../core/index.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { terminateListed } from '../fleet/terminate-listed.js';
import { isConfirmed } from './ask.js';
import type { CliCommand } from './cli-command.js';
import { describeEnding, describeFate, describeNow, type Fate } from './describe-ending.js';
import { listed } from './describe-waiter.js';
import { ExitStatus } from './exit-status.js';
import { LOCK_OPTIONS_HELP, lockOptions, readLock } from './lock-arguments.js';
import { type LockStory, storyOf } from './lock-story.js';
import { type EngineInFleet, openEngineInFleet } from './open-engine.js';
import { print } from './print.js';
import { capitalize } from './printable.js';
import { PrivilegeError } from './privilege.error.js';
import { readArguments, UsageError } from './usage.error.js';
import { shownHolderWithPid } from './shown-holder.js';
import type { InspectedLock } from '../inspection/inspected-lock.js';

/** For how long the instances may say what they hold, in milliseconds. */
const ASK_MS = 500;
/** For how long it is looked whether the lock has left who was ended, in milliseconds. */
const LEAVE_MS = 10_000;
const LOOK_MS = 50;

/** Ends the connection of who holds a lock. */
export const killCommand: CliCommand = {
  usage:
    '<name> [--key <key>] [--pid <pid>|--all] [--reason <text>] [--yes] [--permits <n>] [--scheme …] [--namespace …]',
  summary: 'Ends the connection of who holds a lock, after asking',
  details: [
    '  --pid <pid>           which holder, where there are several',
    '  --all                 all of them',
    '  --reason <text>       why; it is printed with the outcome',
    '  --yes                 does not ask',
    '  --ask                 asks also where there is no terminal, and reads the answer from the input',
    LOCK_OPTIONS_HELP,
    '',
    'It shows whom it will end, and asks. Then it ends those whom it has shown, each only if the same connection still holds the lock at',
    'the moment in which the server does it, and an instance of this library has not given it back since and taken it anew. All other',
    'locks of that connection are freed too; an instance of this library is told that they are lost, and connects anew.',
    '',
    'Exit status:',
    `  ${ExitStatus.ok}   who held the lock was ended, and has lost it`,
    `  ${ExitStatus.problems}   nobody was ended: nobody holds it, or the answer was no`,
    `  ${ExitStatus.usage}  the arguments are wrong, or do not say which of several holders`,
    `  ${ExitStatus.changed}  a holder that was shown did not hold it any more, and was not ended`,
    `  ${ExitStatus.noDatabase}  the database cannot be reached`,
    `  ${ExitStatus.busy}  the server was told to end it, but it still holds the lock after ${LEAVE_MS / 1_000} s`,
    `  ${ExitStatus.forbidden}  the role lacks the privilege`,
  ].join('\n'),

  async run(args) {
    const options = readArguments(() => readKill(args));
    const open = openEngineInFleet('kill', options.wanted.keys);
    try {
      const story = await storyOf(open, options.wanted, ASK_MS);
      const targets = targetsOf(story, options);
      if (targets.length === 0) {
        print(describeNow(story));
        return ExitStatus.problems;
      }
      for (const lock of targets) checkIsTold(lock);
      for (const lock of targets) print(describeEnding(lock, story));
      if (!options.isAsking && !options.isSure) {
        throw new UsageError('There is no terminal to ask at: --yes ends the holder without asking.');
      }
      if (!options.isSure && !(await isConfirmed(targets.length === 1 ? 'End it?' : 'End them?'))) {
        print('Nobody was ended.');
        return ExitStatus.problems;
      }
      return await endAll(open, options, targets);
    } finally {
      await open.engine.close(0);
    }
  },
};

type KillOptions = ReturnType<typeof readKill>;

/** Whom to end of those who hold the lock. */
function targetsOf({ label, holders }: LockStory, { pid, isAll }: KillOptions): InspectedLock[] {
  const backends = holders.filter(({ backend }) => backend !== undefined);
  if (pid !== undefined) {
    const own = backends.filter(({ backend }) => backend?.pid === pid);
    if (own.length === 0 && backends.length > 0) {
      const pids = backends.map((lock) => String(lock.backend?.pid));
      throw new UsageError(`--pid has to be that of a holder of ${label}: ${listed(pids)}, but ${pid} came.`);
    }
    return own;
  }
  if (backends.length > 1 && !isAll) {
    throw new UsageError(
      `${capitalize(label)} has ${backends.length} holders, ${listed(backends.map(shownHolderWithPid))}: say which with --pid, or --all.`,
    );
  }
  return backends;
}

async function endAll(
  open: EngineInFleet,
  { wanted, reason }: KillOptions,
  targets: InspectedLock[],
): Promise<number> {
  const fates = new Map<InspectedLock, Fate>();
  for (const lock of targets) fates.set(lock, await end(open, lock));
  const ended = targets.filter((lock) => fates.get(lock) === 'ended');
  const { story, staying } = await untilGone(open, wanted, ended);
  for (const lock of staying) fates.set(lock, 'stays');
  for (const [lock, fate] of fates) print(describeFate(lock, fate, story, reason));
  print(describeNow(story));
  const all = [...fates.values()];
  if (all.includes('forbidden')) return ExitStatus.forbidden;
  if (all.includes('changed')) return ExitStatus.changed;
  return all.includes('stays') ? ExitStatus.busy : ExitStatus.ok;
}

/** Without its id, another connection that has got the same pid meanwhile could not be told from the one that is shown. */
function checkIsTold({ backend }: InspectedLock): void {
  if (backend?.id !== undefined) return;
  throw new PrivilegeError(
    `The role may not see enough of the connection with the pid ${String(backend?.pid)} to end it and no other. It needs pg_read_all_stats, and ` +
      'pg_signal_backend to end connections of other roles.',
  );
}

/** Ends one holder as it was listed, if it still holds the lock. */
async function end({ engine, fleet }: EngineInFleet, lock: InspectedLock): Promise<Fate> {
  try {
    const { pids } = await terminateListed(fleet, (statement) => engine.server.query(statement), lock);
    return pids.length > 0 ? 'ended' : 'changed';
  } catch (error) {
    if (lacksPrivilege(error)) return 'forbidden';
    throw error;
  }
}

function lacksPrivilege(error: unknown): boolean {
  return sqlStateOf((error as Error).cause) === SqlState.insufficientPrivilege;
}

/** Looks until those who were ended do not hold the lock any more, for a limited time. */
async function untilGone(
  open: EngineInFleet,
  wanted: KillOptions['wanted'],
  ended: readonly InspectedLock[],
) {
  const deadline = performance.now() + LEAVE_MS;
  for (;;) {
    const story = await storyOf(open, wanted);
    const staying = ended.filter(({ key, backend }) =>
      story.holders.some((lock) => lock.key.id === key.id && lock.backend?.id === backend?.id),
    );
    if (staying.length === 0 || performance.now() >= deadline) return { story, staying };
    await sleep(LOOK_MS);
  }
}

function readKill(args: string[]) {
  const { values, positionals } = parseArgs({
    args,
    options: {
      ...lockOptions,
      pid: { type: 'string' },
      all: { type: 'boolean', default: false },
      reason: { type: 'string' },
      yes: { type: 'boolean', default: false },
      ask: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const { pid, all, reason, yes, ask } = values;
  if (pid !== undefined && !/^\d+$/.test(pid)) {
    throw new UsageError(`--pid has to be a whole number, but ${JSON.stringify(pid)} came.`);
  }
  if (pid !== undefined && all) throw new UsageError('--pid and --all contradict each other.');
  return {
    wanted: readLock(values, positionals),
    pid: pid === undefined ? undefined : Number(pid),
    isAll: all,
    reason,
    isSure: yes,
    isAsking: ask || process.stdin.isTTY,
  };
}
