import type { DashboardLeases } from '../../../lib/dashboard/server/dashboard-leases.js';
import type { JobDetails, JobRunDetails } from '../../../lib/dashboard/server/job-details.js';
import type {
  DashboardInstance,
  DashboardJob,
  DashboardLock,
  DashboardParty,
  DashboardSnapshot,
  DashboardTick,
} from '../../../lib/dashboard/server/dashboard-snapshot.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A backend of an instance, or of another program. */
export function party(
  instance: string | undefined,
  pid: number,
  more: Partial<DashboardParty> = {},
): DashboardParty {
  return {
    pid,
    backendId: `${pid}-1`,
    ...(instance !== undefined && { instance, applicationName: `nestjs-advisory-lock ${instance}` }),
    user: 'shop',
    clientAddress: `10.0.0.${pid % 250}`,
    state: 'idle',
    mode: 'exclusive',
    scope: 'session',
    blockedBy: [],
    ...more,
  };
}

let keys = 0;

/** A lock with a known name. */
export function lock(
  name: string,
  holders: readonly DashboardParty[],
  waiters: readonly DashboardParty[] = [],
): DashboardLock {
  keys += 1;
  const high = (keys * 2_654_435_761) % 2 ** 31;
  const low = (keys * 40_503 * 65_537) % 2 ** 32;
  const id = String(BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low)));
  return { key: { id, classid: high, objid: low, objsubid: 1 }, name, holders, waiters };
}

export function instance(name: string, backends: readonly number[], upMs?: number): DashboardInstance {
  return { name, backends, isSilent: upMs === undefined, ...(upMs !== undefined && { upMs }) };
}

/** What the page shows, with what a test says; the counts are those of its locks. */
export function snapshot(more: Partial<DashboardSnapshot> = {}): DashboardSnapshot {
  const locks = more.locks ?? [];
  const count = (of: (lock: DashboardLock) => number): number =>
    locks.reduce((sum, each) => sum + of(each), 0);
  return {
    at: new Date().toISOString(),
    instance: 'web-1:4711',
    database: 'shop',
    canTerminate: false,
    canControl: false,
    counts: {
      locks: locks.length,
      holders: count(({ holders }) => holders.length),
      waiters: count(({ waiters }) => waiters.length),
      claims: 0,
      matching: locks.length,
    },
    locks,
    instances: [],
    jobs: [],
    deadlocks: [],
    doctor: { isHealthy: true, problems: [], checkedAt: new Date().toISOString() },
    ...more,
  };
}

/** A shop with three instances in the middle of its day's work. */
export function shop(now = new Date()): DashboardSnapshot {
  const [web1, web2, web3] = ['web-1:4711', 'web-2:4711', 'web-3:4711'];
  const nowMs = now.getTime();
  return snapshot({
    at: now.toISOString(),
    canTerminate: true,
    locks: [
      lock(
        'daily-report',
        [party(web2, 3127, { sinceMs: 3 * MINUTE + 12 * SECOND })],
        [
          party(web1, 3140, {
            sinceMs: 2 * MINUTE + 41 * SECOND,
            state: 'active',
            blockedBy: [3127],
            callsWaiting: 3,
          }),
          party(web3, 3152, { sinceMs: 48 * SECOND, state: 'active', blockedBy: [3127, 3140] }),
        ],
      ),
      lock(
        'order:42',
        [party(web1, 3121, { sinceMs: 1_400, scope: 'session' })],
        [party(web2, 3133, { sinceMs: 1_100, state: 'active', blockedBy: [3121] })],
      ),
      lock(
        'stock:import',
        [party(web3, 3130, { sinceMs: 26 * SECOND })],
        [
          party(undefined, 2977, {
            applicationName: 'psql',
            user: 'anna',
            clientAddress: '10.0.8.14',
            state: 'active',
            sinceMs: 9 * SECOND,
            blockedBy: [3130],
          }),
        ],
      ),
      lock('leader:mailer', [party(web3, 3130, { sinceMs: 2 * DAY + 4 * HOUR })]),
      lock('config', [
        party(web1, 3121, { mode: 'shared', sinceMs: 14 * MINUTE }),
        party(web2, 3127, { mode: 'shared', sinceMs: 11 * MINUTE + 9 * SECOND }),
        party(web3, 3130, { mode: 'shared', sinceMs: 4 * MINUTE + 37 * SECOND, isAtLeast: true }),
      ]),
      {
        key: { id: '72707369', classid: 0, objid: 72_707_369, objsubid: 1 },
        tool: 'Prisma Migrate',
        holders: [
          party(undefined, 2904, {
            applicationName: 'prisma',
            user: 'deploy',
            clientAddress: '10.0.8.2',
            scope: 'session',
            sinceMs: 41 * SECOND,
            isAtLeast: true,
          }),
        ],
        waiters: [],
      },
      {
        key: { id: '(12, 77)', classid: 12, objid: 77, objsubid: 2 },
        holders: [
          {
            pid: 2918,
            backendId: '2918-1',
            user: 'legacy',
            mode: 'exclusive',
            scope: 'transaction',
            state: 'idle in transaction',
            blockedBy: [],
          },
        ],
        waiters: [],
      },
    ],
    instances: [
      instance(web1, [3121, 3140], 2 * DAY + 4 * HOUR),
      instance(web2, [3127, 3133], 2 * DAY + 4 * HOUR),
      instance(web3, [3130, 3152], 6 * HOUR + 12 * MINUTE),
      instance('worker-1:88', [3160]),
    ],
    jobs: jobs(nowMs, [web1, web2, web3]),
    doctor: {
      isHealthy: true,
      problems: [],
      pooler: 'none',
      summary:
        'PostgreSQL 17.6, 2 of 4 lock connections open, no pooler, room for 14,912 more locks, its ' +
        'clock is 3 ms ahead',
      checkedAt: new Date(nowMs - 21 * SECOND).toISOString(),
    },
  });
}

/** Two leases, one of which ends within a minute. */
export function leases(now = new Date()): DashboardLeases {
  const at = (ms: number): string => new Date(now.getTime() + ms).toISOString();
  return {
    at: now.toISOString(),
    count: 2,
    leases: [
      {
        name: 'doc:42',
        owner: 'ada',
        ttlMs: 2 * MINUTE,
        fencingToken: '17',
        since: at(-HOUR),
        expiresAt: at(40 * SECOND),
      },
      {
        name: `long-${'n'.repeat(200)}`,
        owner: 'web-2:4711',
        ttlMs: HOUR,
        fencingToken: '18',
        since: at(-SECOND),
        expiresAt: at(HOUR - SECOND),
      },
    ],
  };
}

/** What the page of the job `Outbox.flush` shows, paused by an operator. */
export function outbox(now = new Date(), more: Partial<JobDetails> = {}): JobDetails {
  const nowMs = now.getTime();
  const at = (ms: number): string => new Date(ms).toISOString();
  const minute = nowMs - (nowMs % MINUTE);
  const runs = Array.from({ length: 24 }, (_, index): JobRunDetails => {
    const atMs = minute - (index + 3) * MINUTE;
    const run = {
      at: at(atMs),
      startedAt: at(atMs + 20),
      trigger: 'schedule' as const,
      attempt: 1,
      instance: `web-${1 + (index % 3)}:4711`,
    };
    if (index === 0) return { ...run, trigger: 'manual', state: 'running' };
    if (index === 4) return { ...run, state: 'done', attempt: 2, durationMs: 1_830 };
    if (index === 5) {
      return { ...run, state: 'failed', durationMs: 5_021, error: 'Error: connect ETIMEDOUT 10.0.3.9:587' };
    }
    if (index === 9) return { ...run, state: 'died' };
    return { ...run, state: 'done', durationMs: 300 + ((index * 137) % 900) };
  });
  return {
    at: now.toISOString(),
    name: 'Outbox.flush',
    methods: [
      {
        method: 'Outbox.flush',
        schedule: '* * * * *',
        nextAt: [1, 2, 3].map((minutes) => at(minute + minutes * MINUTE)),
      },
    ],
    pause: {
      at: at(minute - 2 * MINUTE),
      by: '10.0.8.14, through the dashboard of web-1:4711',
      reason: 'the mail server is away, incident 7',
      until: at(minute + 22 * MINUTE),
    },
    canControl: true,
    isRecorded: true,
    runs,
    ...more,
  };
}

function jobs(nowMs: number, fleet: readonly [string, string, string]): DashboardJob[] {
  const [web1, web2, web3] = fleet;
  const at = (ms: number): string => new Date(ms).toISOString();
  /** A tick that one instance ran, while the others found it taken. */
  const ran = (atMs: number, by: string, durationMs: number): DashboardTick => ({
    at: at(atMs),
    outcome: 'ran',
    instances: fleet.map((each, index) =>
      each === by
        ? { instance: each, outcome: 'ran', lateMs: 3 + index * 4, durationMs }
        : { instance: each, outcome: 'skipped', reason: 'claimed', lateMs: 9 + index * 7 },
    ),
  });
  const minute = nowMs - (nowMs % MINUTE);
  const quarter = nowMs - (nowMs % (15 * MINUTE));
  const day = nowMs - (nowMs % DAY) + 3 * HOUR;
  const night = day > nowMs ? day - DAY : day;
  return [
    {
      name: 'Outbox.flush',
      method: 'Outbox.flush',
      schedule: '* * * * *',
      nextAt: at(minute + MINUTE),
      ticks: Array.from({ length: 16 }, (_, index): DashboardTick => {
        const atMs = minute - (15 - index) * MINUTE;
        if (index === 6) {
          return {
            at: at(atMs),
            outcome: 'failed',
            instances: [
              {
                instance: web2,
                outcome: 'failed',
                lateMs: 5,
                durationMs: 5_021,
                error: 'connect ETIMEDOUT 10.0.3.9:587',
              },
              { instance: web1, outcome: 'skipped', reason: 'held', lateMs: 11 },
              { instance: web3, outcome: 'skipped', reason: 'held', lateMs: 17 },
            ],
          };
        }
        if (index === 9) return { at: at(atMs), outcome: 'missed', instances: [] };
        if (index === 10) {
          return {
            at: at(atMs),
            outcome: 'skipped',
            instances: fleet.map((each) => ({ instance: each, outcome: 'skipped', reason: 'held' })),
          };
        }
        return ran(atMs, [web1, web2, web3][(index * 7) % 3] ?? web1, 300 + ((index * 137) % 900));
      }),
    },
    {
      name: 'stock:import',
      method: 'Stock.import',
      schedule: '*/15 * * * *',
      nextAt: at(quarter + 15 * MINUTE),
      ticks: [
        ...Array.from({ length: 9 }, (_, index) =>
          ran(quarter - (9 - index) * 15 * MINUTE, web3, 48_000 + index * 900),
        ),
        {
          at: at(quarter),
          outcome: 'running',
          instances: [
            { instance: web3, outcome: 'running', lateMs: 6, durationMs: nowMs - quarter },
            { instance: web1, outcome: 'skipped', reason: 'claimed', lateMs: 12 },
          ],
        },
      ],
    },
    {
      name: 'daily-report',
      method: 'Reports.nightly',
      schedule: '0 3 * * *',
      isPaused: true,
      nextAt: at(night + DAY),
      ticks: Array.from({ length: 6 }, (_, index) =>
        ran(night - (5 - index) * DAY, index % 2 ? web2 : web1, 4 * MINUTE),
      ),
    },
  ];
}

/** The first of very many locks. */
export function manyLocks(count: number, limit: number): DashboardSnapshot {
  const locks = Array.from({ length: Math.min(count, limit) }, (_, index) => {
    const web = `web-${(index % 3) + 1}:4711`;
    const pid = 3_000 + (index % 3);
    const waiters =
      index < 5
        ? [
            party(`web-${((index + 1) % 3) + 1}:4711`, 3_100 + index, {
              blockedBy: [pid],
              sinceMs: 9_000 - index,
            }),
          ]
        : [];
    return {
      ...lock(`order:${index + 1}`, [party(web, pid, { sinceMs: 90_000 + index * 997 })], waiters),
      key: { id: String(index + 1), classid: 0, objid: index + 1, objsubid: 1 as const },
    };
  });
  return snapshot({
    locks,
    counts: { locks: count, holders: count, waiters: 5, claims: 0, matching: count },
  });
}
