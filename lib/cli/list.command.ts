import { parseArgs } from 'node:util';
import type { CliCommand } from './cli-command.js';
import { readDurationMs } from './duration.js';
import { ExitStatus } from './exit-status.js';
import { FLEET_OPTIONS_HELP, fleetOptions, readWithinMs } from './fleet-arguments.js';
import { KEY_OPTIONS_HELP, keyOptions, readKeyOptions } from './key-arguments.js';
import { countsOf, locksTable, sortedLocks } from './locks-table.js';
import { type EngineInFleet, openEngineInFleet } from './open-engine.js';
import { jsonOf, print } from './print.js';
import { screenWidth } from './screen.js';
import type { InspectedLock } from '../inspection/inspected-lock.js';
import { readArguments, UsageError } from './usage.error.js';
import { watch } from './watch.js';

const DEFAULT_WATCH = '2s';

/** Each look asks the server and the fleet. */
const WATCH_LIMITS = { min: '50ms', max: '1h' };

/** Shows the advisory locks of the database. */
export const listCommand: CliCommand = {
  usage:
    '[--watch [<time>]] [--waiting] [--claims] [--name <name>] [--within <time>] [--json] [--scheme …] ' +
    '[--namespace …]',
  summary: 'Shows the holders and waiters of every lock of the database',
  details: [
    `  --watch [<time>]      shows them again and again, every ${DEFAULT_WATCH} or at the given interval: ` +
      '500ms, 10s or 1m, from 50ms to 1h',
    '  --waiting             only locks that have waiters',
    '  --claims              also claims on ticks of jobs, which are kept for a while after the run',
    '  --name <name>         only the lock of this name',
    '  --json                prints an array of locks, as `AdvisoryLockInspector.list()` returns it; ' +
      'with --watch, one per line',
    KEY_OPTIONS_HELP,
    FLEET_OPTIONS_HELP,
    '',
    'In the table, `held +3` is a lock for which 3 more calls wait inside that instance. `≥ 3m` is a lock',
    'that has been held for at least 3 minutes: Postgres does not record when it grants a lock. `?` is a',
    'lock for which not even that is known.',
    '',
    `Exit status: 0; ${ExitStatus.usage} when the arguments or DATABASE_URL are wrong; ` +
      `${ExitStatus.noDatabase} when the database cannot be reached.`,
    '--watch continues when the database is away for a while; signal n ends it with 128 + n.',
  ].join('\n'),

  async run(args) {
    const options = readArguments(() => readList(args));
    const open = openEngineInFleet('list', options.keys);
    try {
      if (options.watchMs !== undefined) return await watch(() => linesOf(open, options), options.watchMs);
      print((await linesOf(open, options)).join('\n'));
      return ExitStatus.ok;
    } finally {
      await open.engine.close(0);
    }
  },
};

type ListOptions = ReturnType<typeof readList>;

async function linesOf({ fleet }: EngineInFleet, options: ListOptions): Promise<string[]> {
  const { now, locks: all } = await fleet.inspect({ withinMs: options.withinMs });
  const wanted = all.filter(isWanted(options, all));
  const locks = sortedLocks({
    now,
    locks: wanted.filter(({ isClaim }) => options.hasClaims || isClaim !== true),
  });
  if (options.json) return [jsonOf(locks, options.watchMs === undefined ? 'lines' : 'line')];
  return [
    ...(locks.length > 0 ? locksTable({ now, locks }, screenWidth()) : []),
    countsOf(locks, wanted.length - locks.length),
  ];
}

function isWanted(
  { keyId, isWaiting }: ListOptions,
  locks: readonly InspectedLock[],
): (lock: InspectedLock) => boolean {
  const waitedFor = new Set(locks.filter(({ isGranted }) => !isGranted).map(({ key }) => key.id));
  return ({ key }) => (keyId === undefined || key.id === keyId) && (!isWaiting || waitedFor.has(key.id));
}

function readList(args: string[]) {
  const { values, positionals } = parseArgs({
    args,
    options: {
      ...keyOptions,
      ...fleetOptions,
      watch: { type: 'boolean', default: false },
      waiting: { type: 'boolean', default: false },
      claims: { type: 'boolean', default: false },
      name: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
    // parseArgs() does not support options with an optional value.
    allowPositionals: true,
  });
  const { watch: isWatching, waiting, claims, name, json } = values;
  const [time, ...surplus] = isWatching ? positionals : [undefined, ...positionals];
  if (surplus[0] !== undefined) {
    throw new UsageError(
      `list takes no name, received ${JSON.stringify(surplus[0])}; --name shows one lock.`,
    );
  }
  const { keys } = readKeyOptions(values);
  return {
    keys,
    keyId: name === undefined ? undefined : keys.keyOf(name).id,
    isWaiting: waiting,
    hasClaims: claims,
    json,
    withinMs: readWithinMs(values),
    watchMs: isWatching ? readDurationMs(time ?? DEFAULT_WATCH, '--watch', WATCH_LIMITS) : undefined,
  };
}
