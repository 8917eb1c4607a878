import { userInfo } from 'node:os';
import { parseArgs } from 'node:util';
import { defaultInstanceName } from '../core/index.js';
import { isOfOtherNamespace } from '../fleet/instance-report.js';
import { NOTIFY_OF_JOBS } from '../fleet/job-notice.js';
import { Zone } from '../jobs/calendar/zone.js';
import { insertPause } from '../jobs/control/pause-statements.js';
import type { CliCommand } from './cli-command.js';
import { ExitStatus } from './exit-status.js';
import { FLEET_OPTIONS_HELP, fleetOptions, readWithinMs } from './fleet-arguments.js';
import { changePauses, JOB_OPTIONS_HELP, jobOptions, readJob, readJobOptions } from './job-arguments.js';
import { openEngineInFleet } from './open-engine-in-fleet.js';
import { print, printError } from './print.js';
import { readTime } from './read-time.js';
import { printable } from '../core/index.js';
import { readArguments, UsageError } from './usage.error.js';

/** Pauses a job in the whole fleet. */
export const pauseCommand: CliCommand = {
  usage: '<job> [--reason <text>] [--until <time>] [--within <time>] [--table …] [--namespace …]',
  summary: 'Pauses a job in the whole fleet',
  details: [
    '  --reason <text>       why, for those that see that the job does not run',
    '  --until <time>        when the pause ends by itself: 2026-10-25T01:30Z, or 2026-10-25T01:30 in the',
    '                        time zone of this machine; without it, when the job is resumed',
    JOB_OPTIONS_HELP,
    FLEET_OPTIONS_HELP,
    '',
    'The job is called by its lock, without the namespace, such as Reports.daily. A run that has begun',
    'goes on.',
    '',
    `Exit status: 0 when the job is paused; ${ExitStatus.problems} when instances responded, and none has`,
    `the job; ${ExitStatus.usage} when the arguments or DATABASE_URL are wrong, or the table is missing; ` +
      `${ExitStatus.noDatabase} when the database`,
    'cannot be reached.',
  ].join('\n'),

  async run(args) {
    const { job, reason, untilMs, keys, table, withinMs } = readArguments(() => readPauseArguments(args));
    const open = openEngineInFleet('pause', keys);
    try {
      const { reports } = await open.fleet.inspect({ withinMs });
      // The first report is that of this process, which has no jobs.
      const others = reports.slice(1).filter(({ isUnconfirmed }) => isUnconfirmed !== true);
      const having = others.filter(({ jobs }) => jobs.some(({ name }) => name === printable(job)));
      if (others.length > 0 && having.every((report) => isOfOtherNamespace(report, keys.prefix))) {
        const hint = having.length > 0 ? 'One of another `--namespace` has' : 'See `jobs`';
        printError(`No instance has a job "${printable(job)}"; nothing was changed. ${hint}.`);
        return ExitStatus.problems;
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

function readPauseArguments(args: string[]) {
  const { values, positionals } = parseArgs({
    args,
    options: { ...jobOptions, ...fleetOptions, reason: { type: 'string' }, until: { type: 'string' } },
    allowPositionals: true,
  });
  const { reason = null, until } = values;
  const untilMs = until === undefined ? null : readTime(until, Zone.named('system'), '--until');
  const job = readJob(positionals);
  return { job, reason, untilMs, withinMs: readWithinMs(values), ...readJobOptions(values) };
}
