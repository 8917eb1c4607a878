import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { freeze } from '../faults/support/freeze.js';
import type { PgBouncer } from '../faults/support/pgbouncer.js';
import type { Directions } from '../faults/support/tcp-proxy.js';
import { withClient } from '../support/admin.js';
import { within } from '../support/within.js';
import type { Fault, FaultKind, FleetFaultKind, WorkerFault } from './fault-plan.js';
import { isFleetFault } from './fault-plan.js';
import type { Member } from './member.js';
import type { Blackout, SessionsEnded } from './server-freed.js';
import type { TortureServer } from './torture-server.js';

/** What a fault-maker breaks. */
export interface Victims {
  readonly server: TortureServer;
  readonly pooler: PgBouncer | undefined;
  readonly members: readonly Member[];
  /** The role that a worker connects as; those behind the pooler share one. */
  roleOf(worker: number): string;
  readonly nowUs: () => number;
  readonly lostAfterMs: number;
}

const READING_MS = 50;
/** The parts of a fault have limits of their own; one that goes on for longer hangs. */
const HANGS_AFTER_MS = 180_000;
/** Of what the server and the pooler have logged, in characters, for the error. */
const SHOWN = 3_000;

/** A fault as it was made. */
export interface MadeFault {
  readonly fault: Fault;
  readonly atUs: number;
}

/** Makes the faults of a plan, and notes what the checker must know of them. */
export class FaultMaker {
  readonly made: MadeFault[] = [];
  readonly endings: SessionsEnded[] = [];
  readonly blackouts: Blackout[] = [];
  private fleetFaults: Promise<void> = Promise.resolve();

  constructor(private readonly victims: Victims) {}

  /** Resolves when the last fault is over. Makes no more once one could not be made, and rejects. */
  async make(plan: readonly Fault[]): Promise<void> {
    const failed = new AbortController();
    setMaxListeners(plan.length, failed.signal);
    try {
      await Promise.all(
        plan.map(async (fault) => {
          await sleep(fault.atMs, undefined, { signal: failed.signal });
          await this.makeOne(fault);
        }),
      );
    } finally {
      failed.abort();
    }
  }

  private async makeOne(fault: Fault): Promise<void> {
    const { kind } = fault;
    if (isFleetFault(kind)) {
      // One after the other: the pooler cannot start without a server.
      this.fleetFaults = this.fleetFaults.then(() => this.unlessItHangs(fault, this.breakFleet(kind, fault)));
      await this.fleetFaults;
    } else await this.unlessItHangs(fault, this.breakWorker(fault as WorkerFault));
  }

  private unlessItHangs<T>({ kind, atMs }: Fault, making: Promise<T>): Promise<T> {
    const { server, pooler } = this.victims;
    const logged = (log = ''): string => log.slice(-SHOWN);
    return within(
      HANGS_AFTER_MS,
      making,
      () =>
        `the fault "${kind}" at ${atMs} ms is over\nthe server has logged:\n${logged(server.node.log)}\n` +
        `the pooler has logged:\n${logged(pooler?.log)}`,
    );
  }

  private async breakFleet(kind: FleetFaultKind, fault: Fault): Promise<void> {
    const { server, pooler, members } = this.victims;
    switch (kind) {
      case 'crash of a backend':
        await this.crashBackend(fault);
        return;
      case 'crash of the server':
        this.note(fault);
        await this.endAllSessions((over) => server.crash(over));
        return;
      case 'restart of the server':
        this.note(fault);
        await this.endAllSessions((over) => server.restart(over));
        return;
      case 'restart of the pooler':
        this.note(fault);
        await this.endSessions(
          members.filter(({ isPooled }) => isPooled),
          async (over) => {
            await pooler?.stop();
            over();
            await pooler?.start();
          },
          { areAll: true },
        );
    }
  }

  private async crashBackend(fault: Fault): Promise<void> {
    const pid = await this.ask((query) => chooseBackend(query, fault, "backend_type = 'client backend'"));
    if (pid === undefined) return;
    const { server, nowUs } = this.victims;
    const atUs = nowUs();
    const hasCrashed = await this.endAllSessions((over) => server.crashBackend(pid, over));
    if (hasCrashed) this.made.push({ fault, atUs });
  }

  private async breakWorker(fault: WorkerFault): Promise<void> {
    const member = this.victims.members[fault.worker];
    if (member === undefined) throw new Error(`There is no worker ${fault.worker}.`);
    if (!member.isUp) return;
    const { kind, durationMs } = fault;
    switch (kind) {
      case 'terminate':
        await this.onOwnBackend(fault, (pid, query) =>
          // It returns when the backend is gone.
          this.endSessions(
            this.sharersOf(member),
            () => query('SELECT pg_terminate_backend($1, 5000)', [pid]),
            { pid },
          ),
        );
        return;
      case 'cancel':
        await this.onOwnBackend(fault, (pid, query) => query('SELECT pg_cancel_backend($1)', [pid]));
        return;
      case 'kill':
        this.note(fault);
        await member.replace();
        return;
      case 'freeze':
        await this.freeze(fault, member);
        return;
      case 'block':
        this.note(fault);
        member.order({ type: 'block', forMs: durationMs });
        // It reports itself when it was blocked.
        await sleep(durationMs);
        return;
      case 'cut':
        this.note(fault);
        await this.endSessions(
          [member],
          async () => {
            member.proxy.cut();
            // Until the server has read of it.
            await sleep(READING_MS);
          },
          { areAll: true },
        );
        return;
      case 'silence both ways':
        await this.silence(fault, member, { toServer: true, toClient: true });
        return;
      case 'silence to the server':
        await this.silence(fault, member, { toServer: true });
        return;
      case 'silence to the client':
        await this.silence(fault, member, { toClient: true });
    }
  }

  private async freeze(fault: WorkerFault, { index, pid }: Member): Promise<void> {
    this.note(fault);
    const fromUs = this.victims.nowUs();
    const frozen = await freeze(pid);
    await sleep(fault.durationMs);
    frozen.thaw();
    this.blackouts.push({ worker: index, fromUs, toUs: this.victims.nowUs() });
  }

  /**
   * A server without messages for long ends the sessions, as TCP keep-alives make it do in a real network,
   * but a while after `lostAfterMs`; to its clients that is silence too. This is not noted as an ending: they
   * must have given up by then.
   */
  private async silence(fault: WorkerFault, member: Member, directions: Directions): Promise<void> {
    this.note(fault);
    const fromUs = this.victims.nowUs();
    const serverGivesUpAfterMs = this.victims.lostAfterMs * 1.75;
    member.proxy.silence(directions);
    await sleep(Math.min(fault.durationMs, serverGivesUpAfterMs));
    if (fault.durationMs > serverGivesUpAfterMs) {
      // Sessions of a pooler are not this worker's alone; the pooler sees the end of
      // its client when the silence is over.
      if (!member.isPooled) await this.endSessionsOf(member);
      await sleep(fault.durationMs - serverGivesUpAfterMs);
    }
    member.proxy.resume();
    this.blackouts.push({ worker: member.index, fromUs, toUs: this.victims.nowUs() });
  }

  private async endSessionsOf({ index }: Member): Promise<void> {
    await this.ask(async (query) => {
      await query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [
        this.victims.roleOf(index),
      ]);
    });
  }

  /** Does nothing while the server is down, or has no such backend. */
  private async onOwnBackend(fault: WorkerFault, act: ActOnBackend): Promise<void> {
    await this.ask(async (query) => {
      const pid = await chooseBackend(query, fault, 'usename = $1', [this.victims.roleOf(fault.worker)]);
      if (pid === undefined) return;
      this.note(fault);
      await act(pid, query);
    });
  }

  private async ask<T>(questions: (query: Query) => Promise<T>): Promise<T | undefined> {
    try {
      return await withClient(this.victims.server.url, (client) =>
        questions(async (sql, values) => (await client.query<{ pid: number }>(sql, values)).rows),
      );
    } catch {
      // The server is down, or has gone down in the meantime.
      return undefined;
    }
  }

  /** The workers that may lose a lock with a backend of this worker. */
  private sharersOf(member: Member): Member[] {
    const role = this.victims.roleOf(member.index);
    return this.victims.members.filter(({ index }) => this.victims.roleOf(index) === role);
  }

  /** The same as {@link endSessions} for every session on the server. */
  private endAllSessions<T>(end: (over: () => void) => Promise<T>): Promise<T | undefined> {
    return this.endSessions(this.victims.members, end, { areAll: true });
  }

  /**
   * Notes that sessions of these workers end while `end` runs, unless it resolves to `false`. Where more
   * happens after that, such as a start, it calls `over` when none of them is left.
   */
  private async endSessions<T>(
    members: readonly Member[],
    end: (over: () => void) => Promise<T>,
    which: Pick<SessionsEnded, 'areAll' | 'pid'> = {},
  ): Promise<T | undefined> {
    const { nowUs } = this.victims;
    const fromUs = nowUs();
    let overUs: number | undefined;
    let ended: T | undefined;
    try {
      ended = await end(() => {
        overUs = nowUs();
      });
      return ended;
    } finally {
      const toUs = overUs ?? nowUs();
      if (ended !== false)
        for (const { index } of members) this.endings.push({ worker: index, fromUs, toUs, ...which });
    }
  }

  private note(fault: Fault): void {
    this.made.push({ fault, atUs: this.victims.nowUs() });
  }
}

type Query = (sql: string, values: unknown[]) => Promise<{ pid: number }[]>;
type ActOnBackend = (pid: number, query: Query) => Promise<unknown>;

async function chooseBackend(
  query: Query,
  { choice }: Fault,
  condition: string,
  values: unknown[] = [],
): Promise<number | undefined> {
  const rows = await query(
    `SELECT pid FROM pg_stat_activity WHERE ${condition} AND pid <> pg_backend_pid() ORDER BY pid`,
    values,
  );
  return rows[Math.floor(choice * rows.length)]?.pid;
}

/** How often each kind of fault was made. */
export function countByKind(made: readonly MadeFault[]): Map<FaultKind, number> {
  const counts = new Map<FaultKind, number>();
  for (const { fault } of made) counts.set(fault.kind, (counts.get(fault.kind) ?? 0) + 1);
  return counts;
}
