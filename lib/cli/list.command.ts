import { parseArgs } from 'node:util';
import type { LockEngine } from '../core/index.js';
import type { CliCommand } from './cli-command.js';
import { readDurationMs } from './duration.js';
import { ExitStatus } from './exit-status.js';
import { FLEET_OPTIONS_HELP, fleetOptions, readWithinMs } from './fleet-arguments.js';
import { KEY_OPTIONS_HELP, keyOptions, readKeyOptions } from './key-arguments.js';
import { foreignKeysOf } from './keys-by-scheme.js';
import { LEASE_OPTIONS_HELP, leaseAsJson, leaseOptions, leasesOf, leasesTable } from './leases.js';
import { countsOf, locksTable, sortedLocks } from './locks-table.js';
import { type EngineInFleet, openEngineInFleet } from './open-engine-in-fleet.js';
import { jsonOf, print } from './print.js';
import { screenWidth } from './screen.js';
import type { InspectedLock } from '../inspection/inspected-lock.js';
import type { HeldLease } from '../lease/held-lease.js';
import { BULLMQ } from '../inspection/known-tools.js';
import { readTable } from './table-arguments.js';
import { readArguments, UsageError } from './usage.error.js';
import { watch } from './watch.js';

const DEFAULT_WATCH = '2s';

/** Each look asks the server and the fleet. */
const WATCH_LIMITS = { min: '50ms', max: '1h' };

/** Shows the advisory locks of the database. */
export const listCommand: CliCommand = {
  usage:
    '[--watch [<time>]] [--waiting] [--claims] [--tools] [--leases] [--name <name>] [--within <time>] ' +
    '[--json] [--scheme …] [--namespace …]',
  summary: 'Shows the holders and waiters of every lock of the database',
  details: [
    `  --watch [<time>]      shows them again and again, every ${DEFAULT_WATCH} or at the given interval: ` +
      '500ms, 10s or 1m, from 50ms to 1h',
    '  --waiting             only locks that have waiters',
    '  --claims              also claims on ticks of jobs, which are kept for a while after the run',
    '  --tools               also the short locks of BullMQ that no one waits for',
    '  --leases              only leases; without it, they are listed below the locks',
    '  --name <name>         only the lock of this name, and the locks that it is by other key schemes',
    '  --json                prints an array of locks, as `AdvisoryLockInspector.list()` returns it, ' +
      'or with --leases',
    '                        of leases; with --watch, one per line',
    LEASE_OPTIONS_HELP,
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

async function linesOf(open: EngineInFleet, options: ListOptions): Promise<string[]> {
  const layout = options.watchMs === undefined ? 'lines' : 'line';
  if (options.isOfLeases && options.json)
    return [jsonOf((await listedLeases(open, options)).map(leaseAsJson), layout)];
  if (options.isOfLeases) {
    const { now } = await open.fleet.inspect({});
    const leases = await listedLeases(open, options);
    const count = `${leases.length} lease${leases.length === 1 ? '' : 's'} held`;
    return [...shownLeases(leases, now), count];
  }
  const { engine, fleet } = open;
  const schemes = await schemesOf(engine, options);
  const { now, locks: all } = await fleet.inspect({ withinMs: options.withinMs });
  const wanted = all.filter(isWanted(options, all, schemes)).map((lock) => withScheme(lock, schemes));
  const locks = sortedLocks({
    now,
    locks: wanted.filter(
      (lock) => (options.hasClaims || lock.isClaim !== true) && (options.hasTools || !isNoise(lock, all)),
    ),
  });
  const claims = options.hasClaims ? 0 : wanted.filter(({ isClaim }) => isClaim === true).length;
  if (options.json) return [jsonOf(locks, layout)];
  const leases = options.isWaiting ? [] : shownLeases(await listedLeases(open, options), now);
  return [
    ...(locks.length > 0 ? locksTable({ now, locks }, screenWidth()) : []),
    countsOf(locks, claims, wanted.length - locks.length - claims),
    ...(leases.length > 0 ? ['', ...leases] : []),
  ];
}

function listedLeases(
  { engine }: EngineInFleet,
  { leaseTable, keys, name }: ListOptions,
): Promise<HeldLease[]> {
  return leasesOf(engine, leaseTable, keys, name);
}

function shownLeases(leases: readonly HeldLease[], now: Date): string[] {
  return leases.length > 0 ? leasesTable(leases, now, screenWidth()) : [];
}

/** Whether it is one of the many short locks of BullMQ, and no one waits for it. */
function isNoise({ tool, key, isGranted }: InspectedLock, locks: readonly InspectedLock[]): boolean {
  const isWaitedFor = (): boolean => locks.some((other) => !other.isGranted && other.key.id === key.id);
  return tool === BULLMQ && isGranted && !isWaitedFor();
}

/** The keys of the wanted name, each with its scheme where that is another one: `nightly (medusa)`. */
type Schemes = ReadonlyMap<string, { readonly name: string; readonly scheme?: string }>;

async function schemesOf(engine: LockEngine, { name }: ListOptions): Promise<Schemes | undefined> {
  if (name === undefined) return undefined;
  await engine.serverKeys.resolve(name);
  const own = engine.keys.keyOf(name);
  const foreign = await foreignKeysOf(engine, name, own);
  return new Map<string, { name: string; scheme?: string }>([
    ...[...foreign].map(([keyId, scheme]) => [keyId, { name, scheme }] as const),
    [own.id, { name }],
  ]);
}

function withScheme(lock: InspectedLock, schemes: Schemes | undefined): InspectedLock {
  const { name, scheme } = schemes?.get(lock.key.id) ?? {};
  return name === undefined || scheme === undefined ? lock : { ...lock, name: `${name} (${scheme})` };
}

function isWanted(
  { isWaiting }: ListOptions,
  locks: readonly InspectedLock[],
  schemes: Schemes | undefined,
): (lock: InspectedLock) => boolean {
  const waitedFor = new Set(locks.filter(({ isGranted }) => !isGranted).map(({ key }) => key.id));
  return ({ key }) => schemes?.has(key.id) !== false && (!isWaiting || waitedFor.has(key.id));
}

function readList(args: string[]) {
  const { values, positionals } = parseArgs({
    args,
    options: {
      ...keyOptions,
      ...fleetOptions,
      ...leaseOptions,
      watch: { type: 'boolean', default: false },
      waiting: { type: 'boolean', default: false },
      claims: { type: 'boolean', default: false },
      tools: { type: 'boolean', default: false },
      leases: { type: 'boolean', default: false },
      name: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
    // parseArgs() does not support options with an optional value.
    allowPositionals: true,
  });
  const { watch: isWatching, waiting, claims, tools, leases, name, json } = values;
  if (leases && waiting) throw new UsageError('--leases and --waiting contradict each other.');
  const [time, ...surplus] = isWatching ? positionals : [undefined, ...positionals];
  if (surplus[0] !== undefined) {
    throw new UsageError(
      `list takes no name, received ${JSON.stringify(surplus[0])}; --name shows one lock.`,
    );
  }
  const { keys } = readKeyOptions(values);
  if (name !== undefined) keys.check(name);
  return {
    keys,
    name,
    isWaiting: waiting,
    hasClaims: claims,
    hasTools: tools,
    isOfLeases: leases,
    leaseTable: readTable(values['lease-table'], '--lease-table'),
    json,
    withinMs: readWithinMs(values),
    watchMs: isWatching ? readDurationMs(time ?? DEFAULT_WATCH, '--watch', WATCH_LIMITS) : undefined,
  };
}
