import { setTimeout as sleep } from 'node:timers/promises';
import { freeze } from '../faults/support/freeze.js';
import type { PgBouncer } from '../faults/support/pgbouncer.js';
import type { Directions } from '../faults/support/tcp-proxy.js';
import { withClient } from '../support/admin.js';
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
  nowUs(): number;
  readonly lostAfterMs: number;
}

const READING_MS = 50;

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

  /** Resolves when the last fault is over. */
  async make(plan: readonly Fault[]): Promise<void> {
    const startedAt = performance.now();
    const running: Promise<void>[] = [];
    for (const fault of plan) {
      await sleep(Math.max(0, fault.atMs - (performance.now() - startedAt)));
      running.push(this.makeOne(fault));
    }
    await Promise.all(running);
  }

  private async makeOne(fault: Fault): Promise<void> {
    const { kind } = fault;
    if (isFleetFault(kind)) {
      // One after the other: the pooler cannot start without a server.
      this.fleetFaults = this.fleetFaults.then(() => this.breakFleet(kind, fault));
      await this.fleetFaults;
    } else await this.breakWorker(fault as WorkerFault);
  }

  private async breakFleet(kind: FleetFaultKind, fault: Fault): Promise<void> {
    const { server, pooler, members } = this.victims;
    switch (kind) {
      case 'crash of a backend':
        await this.onBackend(fault, "backend_type = 'client backend'", [], (pid) =>
          this.endSessions(members, () => server.crashBackend(pid)),
        );
        return;
      case 'crash of the server':
        this.note(fault);
        await this.endSessions(members, () => server.crash());
        return;
      case 'restart of the server':
        this.note(fault);
        await this.endSessions(members, () => server.node.restart());
        return;
      case 'restart of the pooler':
        this.note(fault);
        await this.endSessions(
          members.filter(({ isPooled }) => isPooled),
          async () => pooler?.restart(),
        );
    }
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
          this.endSessions(this.sharersOf(member), () =>
            query('SELECT pg_terminate_backend($1, 5000)', [pid]),
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
        await this.endSessions([member], async () => {
          member.proxy.cut();
          // Until the server has read of it.
          await sleep(READING_MS);
        });
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

  private onOwnBackend(fault: WorkerFault, act: ActOnBackend): Promise<void> {
    return this.onBackend(fault, 'usename = $1', [this.victims.roleOf(fault.worker)], act);
  }

  /** Does nothing while the server is down, or has no such backend. */
  private async onBackend(
    fault: Fault,
    condition: string,
    values: unknown[],
    act: ActOnBackend,
  ): Promise<void> {
    await this.ask(async (query) => {
      const rows = await query(
        `SELECT pid FROM pg_stat_activity WHERE ${condition} AND pid <> pg_backend_pid() ORDER BY pid`,
        values,
      );
      const pid = rows[Math.floor(fault.choice * rows.length)]?.pid;
      if (pid === undefined) return;
      this.note(fault);
      await act(pid, query);
    });
  }

  private async ask(questions: (query: Query) => Promise<void>): Promise<void> {
    try {
      await withClient(this.victims.server.url, async (client) => {
        await questions(async (sql, values) => (await client.query<{ pid: number }>(sql, values)).rows);
      });
    } catch {
      // The server is down, or has gone down in the meantime.
    }
  }

  /** The workers that may lose a lock with a backend of this worker. */
  private sharersOf(member: Member): Member[] {
    const role = this.victims.roleOf(member.index);
    return this.victims.members.filter(({ index }) => this.victims.roleOf(index) === role);
  }

  private async endSessions(members: readonly Member[], end: () => Promise<unknown>): Promise<void> {
    const fromUs = this.victims.nowUs();
    try {
      await end();
    } finally {
      const toUs = this.victims.nowUs();
      for (const { index } of members) this.endings.push({ worker: index, fromUs, toUs });
    }
  }

  private note(fault: Fault): void {
    this.made.push({ fault, atUs: this.victims.nowUs() });
  }
}

type Query = (sql: string, values: unknown[]) => Promise<{ pid: number }[]>;
type ActOnBackend = (pid: number, query: Query) => Promise<unknown>;

/** How often each kind of fault was made. */
export function countByKind(made: readonly MadeFault[]): Map<FaultKind, number> {
  const counts = new Map<FaultKind, number>();
  for (const { fault } of made) counts.set(fault.kind, (counts.get(fault.kind) ?? 0) + 1);
  return counts;
}
