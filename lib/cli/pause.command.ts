import { userInfo } from 'node:os';
import { parseArgs } from 'node:util';
import { defaultInstanceName } from '../core/index.js';
import { type InstanceReport, isOfOtherNamespace } from '../fleet/instance-report.js';
import { NOTIFY_OF_JOBS } from '../fleet/job-notice.js';
import { Zone } from '../jobs/calendar/zone.js';
import { insertPause } from '../jobs/control/pause-statements.js';
import type { CliCommand } from './cli-command.js';
import { ExitStatus } from './exit-status.js';
import { FLEET_OPTIONS_HELP, fleetOptions, readWithinMs } from './fleet-arguments.js';
import {
  changePauses,
  JOB_OPTIONS_HELP,
  jobOptions,
  readJob,
  readJobOptions,
  requireNotifications,
} from './job-arguments.js';
import { type EngineInFleet, openEngineInFleet } from './open-engine-in-fleet.js';
import { print, printError } from './print.js';
import { readTime } from './read-time.js';
import { printable } from '../core/index.js';
import { readArguments, UsageError } from './usage.error.js';

/** Pauses a job in the whole fleet. */
export const pauseCommand: CliCommand = {
  usage: '<job> [--reason <text>] [--until <time>] [--within <time>] [--force] [--table …] [--namespace …]',
  summary: 'Pauses a job in the whole fleet',
  details: [
    '  --reason <text>       why, for those that see that the job does not run',
    '  --until <time>        when the pause ends by itself: 2026-10-25T01:30Z, or 2026-10-25T01:30 in the',
    '                        time zone of this machine; without it, when the job is resumed',
    '  --force               also when no instance reports that it has the job, as while none is up',
    JOB_OPTIONS_HELP,
    FLEET_OPTIONS_HELP,
    '',
    'The job is called by its lock, without the namespace, such as Reports.daily. A run that has begun',
    'goes on.',
    '',
    `Exit status: 0 when the job is paused; ${ExitStatus.problems} when instances responded, and none has`,
    `the job; ${ExitStatus.noInstance} when none responded; ${ExitStatus.usage} when the arguments or ` +
      'DATABASE_URL are wrong, or the table is',
    `missing; ${ExitStatus.noDatabase} when the database cannot be reached.`,
  ].join('\n'),

  async run(args) {
    const read = readArguments(() => readPauseArguments(args));
    const { job, reason, untilMs, keys, table } = read;
    const open = openEngineInFleet('pause', keys);
    try {
      await requireNotifications(open);
      const refusal = read.isForced ? undefined : refusalOf(job, keys.prefix, await othersIn(open, read));
      if (refusal !== undefined) {
        printError(`${refusal.message} Nothing was changed; --force pauses it all the same.`);
        return refusal.status;
      }
      const by = `${userInfo().username}@${defaultInstanceName()}`;
      const pause = { job: keys.fullNameOf(job), reason, untilMs, by };
      const [written] = await changePauses(open, insertPause(table, pause));
      if (written === undefined) {
        throw new UsageError('--until must be in the future, by the clock of the server.');
      }
      await open.engine.server.query(NOTIFY_OF_JOBS);
      print(`"${printable(job)}" is paused.`);
      return ExitStatus.ok;
    } finally {
      await open.engine.close(0);
    }
  },
};

/** The first report is that of this process, which has no jobs. */
async function othersIn(
  { fleet }: EngineInFleet,
  { withinMs }: { withinMs: number },
): Promise<InstanceReport[]> {
  const { reports } = await fleet.inspect({ withinMs });
  return reports.slice(1).filter(({ isUnconfirmed }) => isUnconfirmed !== true);
}

/** A wrong name would pause a job that does not exist, and leave the one that was meant running. */
function refusalOf(
  job: string,
  prefix: string,
  others: readonly InstanceReport[],
): { readonly status: number; readonly message: string } | undefined {
  const text = `"${printable(job)}"`;
  if (others.length === 0) {
    return {
      status: ExitStatus.noInstance,
      message: `No instance has reported whether it has a job ${text}: none is up, or --within is too short.`,
    };
  }
  const having = others.filter(({ jobs }) => jobs.some(({ name }) => name === printable(job)));
  if (!having.every((report) => isOfOtherNamespace(report, prefix))) return undefined;
  const hint = having.length > 0 ? 'One of another `--namespace` has.' : 'See `jobs`.';
  return { status: ExitStatus.problems, message: `No instance has a job ${text}. ${hint}` };
}

function readPauseArguments(args: string[]) {
  const { values, positionals } = parseArgs({
    args,
    options: {
      ...jobOptions,
      ...fleetOptions,
      reason: { type: 'string' },
      until: { type: 'string' },
      force: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const { reason = null, until, force: isForced } = values;
  const untilMs = until === undefined ? null : readTime(until, Zone.named('system'), '--until');
  const job = readJob(positionals);
  return { job, reason, untilMs, isForced, withinMs: readWithinMs(values), ...readJobOptions(values) };
}
