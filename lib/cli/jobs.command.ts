import { parseArgs } from 'node:util';
import { type InstanceReport, isOfOtherNamespace } from '../fleet/instance-report.js';
import { findTable, type JobPause, readPause, selectPauses } from '../jobs/control/pause-statements.js';
import { clockTime } from './ago.js';
import type { CliCommand } from './cli-command.js';
import { ExitStatus } from './exit-status.js';
import { FLEET_OPTIONS_HELP, fleetOptions, readWithinMs } from './fleet-arguments.js';
import { JOB_OPTIONS_HELP, jobOptions, readJobOptions } from './job-arguments.js';
import { type EngineInFleet, openEngineInFleet } from './open-engine-in-fleet.js';
import { print } from './print.js';
import { screenWidth } from './screen.js';
import { type Column, tableOf } from './table.js';
import { readArguments } from './usage.error.js';

interface ListedJob {
  readonly name: string;
  readonly method: string | null;
  readonly schedule: string | null;
  readonly instances: readonly string[];
  readonly pause: (Pick<JobPause, 'reason' | 'by'> & { pausedAt: Date; until: Date | null }) | null;
}

/** Lists the jobs that the instances report, and those that are paused. */
export const jobsCommand: CliCommand = {
  usage: '[--within <time>] [--json] [--table …] [--namespace …]',
  summary: 'Lists the jobs of the fleet, and which are paused',
  details: [
    '  --json                prints an array of jobs',
    JOB_OPTIONS_HELP,
    FLEET_OPTIONS_HELP,
    '',
    'Names are those of locks, without the namespace. With several applications on the database, jobs of all',
    'are listed, and pauses of the one with that namespace.',
    '',
    `Exit status: 0; ${ExitStatus.usage} when the arguments or DATABASE_URL are wrong; ` +
      `${ExitStatus.noDatabase} when the database cannot be reached.`,
  ].join('\n'),

  async run(args) {
    const { json, withinMs, keys, table } = readArguments(() => readJobsArguments(args));
    const open = openEngineInFleet('jobs', keys);
    try {
      const { reports, now } = await open.fleet.inspect({ withinMs });
      const paused = await activePauses(open, table, now);
      const jobs = listed(reports, paused, keys.fullNameOf(' ').slice(0, -1));
      if (json) print(JSON.stringify(jobs, null, 2));
      else if (jobs.length > 0) print(tableOf(columnsAt(now), jobs, screenWidth()).join('\n'));
      else print('No instance reported a job.');
      return ExitStatus.ok;
    } finally {
      await open.engine.close(0);
    }
  },
};

async function activePauses({ engine }: EngineInFleet, table: string, now: Date): Promise<JobPause[]> {
  const [found] = await engine.server.query(findTable(table));
  if (found == null) return [];
  const rows = await engine.server.query(selectPauses(table));
  return rows
    .map((row) => readPause(row ?? ''))
    .filter(({ untilMs }) => untilMs === null || untilMs > now.getTime());
}

function listed(
  reports: readonly InstanceReport[],
  pauses: readonly JobPause[],
  prefix: string,
): ListedJob[] {
  const paused = new Map(
    pauses
      .filter(({ job }) => job.startsWith(prefix))
      .map((pause) => [pause.job.slice(prefix.length), pauseOf(pause)]),
  );
  const jobs = new Map<string, ListedJob & { instances: string[] }>();
  for (const report of reports) {
    const { instance, jobs: reported, isUnconfirmed } = report;
    if (isUnconfirmed === true) continue;
    const isForeign = isOfOtherNamespace(report, prefix);
    for (const { name, method, schedule = null } of reported) {
      const id = `${isForeign ? (report.prefix ?? '') : ' '}\0${name}\0${method}`;
      const pause = isForeign ? null : (paused.get(name) ?? null);
      const job = jobs.get(id) ?? { name, method, schedule, instances: [], pause };
      job.instances.push(instance);
      jobs.set(id, job);
    }
  }
  const known = new Set([...jobs.values()].filter(({ pause }) => pause !== null).map(({ name }) => name));
  const unreported = [...paused]
    .filter(([name]) => !known.has(name))
    .map(([name, pause]) => ({ name, method: null, schedule: null, instances: [], pause }));
  return [...jobs.values(), ...unreported].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function pauseOf({ reason, by, pausedAtMs, untilMs }: JobPause): ListedJob['pause'] {
  return {
    reason,
    by,
    pausedAt: new Date(pausedAtMs),
    until: untilMs === null ? null : new Date(untilMs),
  };
}

const columnsAt = (now: Date): Column<ListedJob>[] => [
  { title: 'JOB', text: ({ name }) => name, minWidth: 12 },
  { title: 'SCHEDULE', text: ({ schedule }) => schedule ?? '', minWidth: 10 },
  { title: 'INSTANCES', text: ({ instances }) => String(instances.length) },
  { title: 'PAUSED', text: ({ pause }) => (pause === null ? '' : `since ${clockTime(pause.pausedAt, now)}`) },
  {
    title: 'UNTIL',
    text: ({ pause }) => (pause?.until == null ? '' : clockTime(pause.until, now)),
  },
  { title: 'BY', text: ({ pause }) => pause?.by ?? '', minWidth: 8 },
  { title: 'REASON', text: ({ pause }) => pause?.reason ?? '', minWidth: 8 },
];

function readJobsArguments(args: string[]) {
  const { values } = parseArgs({
    args,
    options: { ...jobOptions, ...fleetOptions, json: { type: 'boolean', default: false } },
  });
  return { json: values.json, withinMs: readWithinMs(values), ...readJobOptions(values) };
}
