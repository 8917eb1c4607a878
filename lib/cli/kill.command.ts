import { parseArgs } from 'node:util';
import { SqlState, sqlStateOf } from '../core/index.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { terminateListed } from '../fleet/terminate-listed.js';
import { confirm } from './ask.js';
import type { CliCommand } from './cli-command.js';
import { describeEnding, describeFate, describeNow, type Fate } from './describe-ending.js';
import { listed } from './describe-waiter.js';
import { ExitStatus } from './exit-status.js';
import { FLEET_OPTIONS_HELP, fleetOptions, readWithinMs } from './fleet-arguments.js';
import { killLease } from './kill-lease.js';
import { LEASE_OPTIONS_HELP, leaseOptions } from './leases.js';
import { LOCK_OPTIONS_HELP, lockOptions, readLock } from './lock-arguments.js';
import { type LockStory, storyOf } from './lock-story.js';
import { type EngineInFleet, openEngineInFleet } from './open-engine-in-fleet.js';
import { print } from './print.js';
import { readTable } from './table-arguments.js';
import { capitalize } from './words.js';
import { PrivilegeError } from './privilege.error.js';
import { readArguments, UsageError } from './usage.error.js';
import { shownHolderWithPid } from './shown-holder.js';
import type { RunQuery } from '../inspection/inspect-locks.js';
import type { InspectedLock } from '../inspection/inspected-lock.js';

/** How long an ended connection may take to lose the lock, in milliseconds. */
const GONE_WITHIN_MS = 10_000;
/** How often it is checked whether it has, in milliseconds. */
const POLL_MS = 50;

/** Ends the connection of a lock's holder. */
export const killCommand: CliCommand = {
  usage:
    '<name> [--key <key>] [--pid <pid>|--all|--lease] [--reason <text>] [--yes] [--ask] [--force] ' +
    '[--within <time>] [--permits <n>] [--scheme …] [--namespace …]',
  summary: "Ends the connection of a lock's holder, after asking",
  details: [
    '  --pid <pid>           which holder, where there are several',
    '  --all                 all holders',
    '  --lease               the lease of that name, instead of the holder of the lock',
    '  --reason <text>       why; it is printed with the outcome',
    '  --yes                 does not ask',
    '  --ask                 asks also where there is no terminal, and reads the reply from the input',
    '  --force               ends a holder that was shown also when its instance reports that it has',
    '                        released the lock and taken it again since',
    FLEET_OPTIONS_HELP,
    LEASE_OPTIONS_HELP,
    LOCK_OPTIONS_HELP,
    '',
    'It shows the holders that it will end, and asks. Then it ends only the holders that it has shown, each',
    'only if the same connection still holds the lock at that moment, and has not released it and taken it',
    'again, as far as its instance reports. All other locks of that connection are freed too. An instance of',
    'this library reports them as lost, and connects again.',
    '',
    'With --lease it ends the lease that it has shown, and no later one. Its holder is not notified.',
    '',
    'Exit status:',
    `  ${ExitStatus.ok}   the holder was ended, and has lost the lock`,
    `  ${ExitStatus.problems}   no holder was ended: the lock is free, or the reply was no`,
    `  ${ExitStatus.usage}  the arguments or DATABASE_URL are wrong, or do not say which of several holders`,
    `  ${ExitStatus.changed}  a holder that was shown did not hold it any more, and was not ended`,
    `  ${ExitStatus.noDatabase}  the database cannot be reached`,
    `  ${ExitStatus.busy}  the server was asked to end the holder, but it still holds the lock after ` +
      `${GONE_WITHIN_MS / 1_000} s`,
    `  ${ExitStatus.forbidden}  the role lacks the privilege`,
  ].join('\n'),

  async run(args) {
    const options = readArguments(() => readKill(args));
    const open = openEngineInFleet('kill', options.wanted.keys);
    try {
      if (options.isLease) return await killLease(open, options, options);
      const story = await storyOf(open, options.wanted, options.withinMs);
      const targets = targetsOf(story, options);
      if (targets.length === 0) {
        print(describeNow(story));
        return ExitStatus.problems;
      }
      for (const lock of targets) checkIdentity(lock);
      for (const lock of targets) print(describeEnding(lock, story));
      if (!(await confirm(targets.length === 1 ? 'End it?' : 'End them?', options))) {
        print('No holder was ended.');
        return ExitStatus.problems;
      }
      return await endAll(open, options, targets);
    } finally {
      await open.engine.close(0);
    }
  },
};

type KillOptions = ReturnType<typeof readKill>;

/** The holders to end. */
function targetsOf({ label, holders }: LockStory, { pid, isAll }: KillOptions): InspectedLock[] {
  const backends = holders.filter(({ backend }) => backend !== undefined);
  if (pid !== undefined) {
    const own = backends.filter(({ backend }) => backend?.pid === pid);
    if (own.length === 0 && backends.length > 0) {
      const pids = backends.map((lock) => String(lock.backend?.pid));
      throw new UsageError(
        `--pid must be the pid of a holder of ${label} (${listed(pids)}), received ${pid}.`,
      );
    }
    return own;
  }
  if (backends.length > 1 && !isAll) {
    throw new UsageError(
      `${capitalize(label)} has ${backends.length} holders, ${listed(backends.map(shownHolderWithPid))}: ` +
        'say which with --pid, or --all.',
    );
  }
  return backends;
}

async function endAll(open: EngineInFleet, options: KillOptions, targets: InspectedLock[]): Promise<number> {
  const { wanted, reason } = options;
  const fates = new Map<InspectedLock, Fate>();
  for (const lock of targets) fates.set(lock, await end(open, lock, options));
  const ended = targets.filter((lock) => fates.get(lock) === 'ended');
  const { story, staying } = await untilGone(open, wanted, ended);
  for (const lock of staying) fates.set(lock, 'stays');
  for (const [lock, fate] of fates) print(describeFate(lock, fate, story, reason));
  print(describeNow(story));
  const all = [...fates.values()];
  if (all.includes('forbidden')) return ExitStatus.forbidden;
  if (all.includes('changed') || all.includes('retaken')) return ExitStatus.changed;
  return all.includes('stays') ? ExitStatus.busy : ExitStatus.ok;
}

/**
 * Without its id, a holder that was shown could not be distinguished from a later connection with the same
 * pid.
 */
function checkIdentity({ backend }: InspectedLock): void {
  if (backend?.id !== undefined) return;
  throw new PrivilegeError(
    `The role may not see enough of the connection with the pid ${String(backend?.pid)} to end it and ` +
      'no other. It needs pg_read_all_stats, and pg_signal_backend to end connections of other roles.',
  );
}

/** Ends one listed holder, if it still holds the lock. */
async function end(
  { engine, fleet }: EngineInFleet,
  lock: InspectedLock,
  { isForced, withinMs }: KillOptions,
): Promise<Fate> {
  // Without the number of the hold, its instance is not asked whether it has taken the lock again.
  const { key, backend, holdId } = lock;
  const listed = { key, ...(backend && { backend }), ...(!isForced && holdId !== undefined && { holdId }) };
  try {
    const run: RunQuery = (statement) => engine.server.query(statement);
    const ending = await terminateListed(fleet, run, listed, withinMs);
    if (ending.isRetaken === true) return 'retaken';
    return ending.pids.length > 0 ? 'ended' : 'changed';
  } catch (error) {
    if (lacksPrivilege(error)) return 'forbidden';
    throw error;
  }
}

function lacksPrivilege(error: unknown): boolean {
  return sqlStateOf((error as Error).cause) === SqlState.insufficientPrivilege;
}

/** Polls until the ended holders have lost the lock, for a limited time. */
async function untilGone(
  open: EngineInFleet,
  wanted: KillOptions['wanted'],
  ended: readonly InspectedLock[],
) {
  const deadline = performance.now() + GONE_WITHIN_MS;
  for (;;) {
    const story = await storyOf(open, wanted);
    const staying = ended.filter(({ key, backend }) =>
      story.holders.some((lock) => lock.key.id === key.id && lock.backend?.id === backend?.id),
    );
    if (staying.length === 0 || performance.now() >= deadline) return { story, staying };
    await sleep(POLL_MS);
  }
}

function readKill(args: string[]) {
  const { values, positionals } = parseArgs({
    args,
    options: {
      ...lockOptions,
      ...leaseOptions,
      ...fleetOptions,
      pid: { type: 'string' },
      all: { type: 'boolean', default: false },
      lease: { type: 'boolean', default: false },
      reason: { type: 'string' },
      yes: { type: 'boolean', default: false },
      ask: { type: 'boolean', default: false },
      force: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const { pid, all, lease, reason, yes, ask, force } = values;
  if (pid !== undefined && !/^\d+$/.test(pid)) {
    throw new UsageError(`--pid must be a whole number, received ${JSON.stringify(pid)}.`);
  }
  if (pid !== undefined && all) throw new UsageError('--pid and --all contradict each other.');
  if (lease && (pid !== undefined || all || force)) {
    throw new UsageError(
      '--lease contradicts --pid, --all and --force, which are about holders of the lock.',
    );
  }
  return {
    wanted: readLock(values, positionals),
    isLease: lease,
    leaseTable: readTable(values['lease-table'], '--lease-table'),
    pid: pid === undefined ? undefined : Number(pid),
    isAll: all,
    reason,
    withinMs: readWithinMs(values),
    isSure: yes,
    isForced: force,
    isAsking: ask || process.stdin.isTTY,
  };
}
