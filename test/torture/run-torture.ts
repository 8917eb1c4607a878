import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type PgBouncer, startPgBouncer } from '../faults/support/pgbouncer.js';
import { startProxy } from '../faults/support/tcp-proxy.js';
import { withClient } from '../support/admin.js';
import { FaultMaker, type MadeFault } from './fault-maker.js';
import type { Fault } from './fault-plan.js';
import { leftConnections, leftLocks } from './leftovers.js';
import { Member } from './member.js';
import { measureServerOffset, serverNowUs } from './server-clock.js';
import { TortureServer } from './torture-server.js';
import { judge, type Verdict } from './verdict.js';
import type { Load } from './wish.js';
import type { WorkerReport } from './worker-messages.js';

export interface TortureOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly plan: readonly Fault[];
  readonly workers: number;
  /** How many of them are behind a PgBouncer in transaction mode. */
  readonly pooled: number;
  /** `null` for none. */
  readonly heartbeatMs: number | null;
  readonly lostAfterMs: number;
  readonly load: Load;
  /** What runs in the worker processes. Default: callers of this library. */
  readonly program?: URL;
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress {
  readonly faults: number;
  readonly counts: ReadonlyMap<string, number>;
}

export interface TortureResult extends Verdict {
  readonly made: readonly MadeFault[];
  /** What the workers counted; those that were killed took their last counts along. */
  readonly counts: ReadonlyMap<string, number>;
  /** What workers reported that must never happen. */
  readonly unexpected: readonly string[];
  /** Advisory locks and connections that are still there when all workers are gone. */
  readonly leftovers: readonly string[];
}

const PROGRESS_MS = 5_000;
const POOLED_ROLE = 'pooled';
const LIBRARY = new URL('./worker.ts', import.meta.url);

type Defer = (cleanup: () => unknown) => void;

/**
 * A fleet, a server, what is between them, and faults in all of it, for a time;
 * then everything is judged, and gone.
 */
export async function runTorture(options: TortureOptions): Promise<TortureResult> {
  const cleanups: (() => unknown)[] = [];
  try {
    return await runAndJudge(options, (cleanup) => cleanups.push(cleanup));
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
}

async function runAndJudge(options: TortureOptions, defer: Defer): Promise<TortureResult> {
  const { seed, workers, pooled, lostAfterMs, onProgress } = options;
  const isPooled = (worker: number): boolean => worker >= workers - pooled;
  const roleOf = (worker: number): string => (isPooled(worker) ? POOLED_ROLE : `worker_${worker}`);
  const roles = new Set(Array.from({ length: workers }, (_, worker) => roleOf(worker)));

  const server = await TortureServer.start([...roles]);
  defer(() => server.close());
  const pooler = pooled > 0 ? await startPooler(server, defer) : undefined;
  const serverOffsetUs = await withClient(server.url, measureServerOffset);

  const counts = new Map<string, number>();
  const unexpected: string[] = [];
  const members: Member[] = [];
  const folder = await mkdtemp(join(tmpdir(), 'torture-'));
  defer(() => rm(folder, { recursive: true, force: true }));
  const maker = new FaultMaker({
    server,
    pooler,
    members,
    roleOf,
    lostAfterMs,
    nowUs: () => serverNowUs(serverOffsetUs),
  });
  const onReport = ({ index }: Member, report: WorkerReport): void => {
    if (report.type === 'unexpected') unexpected.push(`worker ${index}: ${report.error}`);
    if (report.type === 'blocked') maker.blackouts.push({ worker: index, ...report });
    if (report.type === 'tally') addTo(counts, report.counts);
  };

  for (let index = 0; index < workers; index += 1) {
    const target = isPooled(index) ? pooler : undefined;
    const proxy = await startProxy(target?.port ?? server.node.port);
    defer(() => proxy.close());
    const url = proxy.url(server.urlOf(roleOf(index)));
    const { heartbeatMs, load, program = LIBRARY } = options;
    const times = { heartbeatMs, lostAfterMs, load };
    const settings = { program, folder, seed, url, serverOffsetUs, ...times };
    members.push(new Member(index, proxy, isPooled(index), settings, onReport));
  }
  defer(() => Promise.all(members.map((member) => member.kill())));
  await Promise.all(members.map((member) => member.start()));

  const progress = setInterval(() => onProgress?.({ faults: maker.made.length, counts }), PROGRESS_MS);
  defer(() => {
    clearInterval(progress);
  });
  await Promise.all([maker.make(options.plan), sleep(options.durationMs)]);
  await Promise.all(members.map((member) => member.stop()));

  // Behind a pooler a lock may outlive its client, and a connection does: it belongs to the pooler.
  const locks = await leftLocks(server.url);
  await pooler?.stop();
  const leftovers = [...locks, ...(await leftConnections(server.url))];
  const verdict = judge(
    members.flatMap((member) => member.holds()),
    maker,
  );
  return { ...verdict, made: maker.made, counts, unexpected, leftovers };
}

async function startPooler(server: TortureServer, defer: Defer): Promise<PgBouncer> {
  const pooler = await startPgBouncer(server.urlOf(POOLED_ROLE), { mode: 'transaction', poolSize: 30 });
  defer(() => pooler.close());
  return pooler;
}

function addTo(counts: Map<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [what, count] of Object.entries(more)) counts.set(what, (counts.get(what) ?? 0) + count);
}
