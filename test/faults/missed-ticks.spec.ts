import { expect } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import {
  ADVISORY_LOCK_JOB_PAUSE_SQL,
  AdvisoryLockEvents,
  AdvisoryLockJobs,
  AdvisoryLockModule,
  currentTick,
  ExclusiveCron,
  type ExclusiveCronOptions,
} from 'nestjs-advisory-lock';
import { postgres, start, type StartedApp } from '../e2e/support/applications.js';
import { connect } from '../e2e/support/pg-client.js';
import { defer } from '../support/cleanup.js';
import { testsTogether } from '../support/tests-together.js';
import { until } from '../support/until.js';
import { startProxy, type TcpProxy } from './support/tcp-proxy.js';

const { database, it } = testsTogether({ atOnce: 3, connectionsMayStay: true });

interface Instance extends StartedApp {
  readonly proxy: TcpProxy;
  /** The ticks that it has reported as missed. */
  readonly missed: string[];
}

/** A fleet with a job of each second, and the ticks that it has run for. */
function fleetOf(ran: string[], options: Pick<ExclusiveCronOptions, 'leader'> = {}, namespace?: string) {
  @Injectable()
  class Reports {
    @ExclusiveCron('* * * * * *', { claimMs: 4_000, ...options })
    async write(): Promise<void> {
      ran.push(String(currentTick()?.at.toISOString()));
      return Promise.resolve();
    }
  }
  return instanceWith(Reports, ['Reports.write'], namespace);
}

/** What starts an instance with these jobs, whose methods are called so. */
function instanceWith(Jobs: new () => object, methods: readonly string[], namespace?: string) {
  return async (): Promise<Instance> => {
    const proxy = await startProxy(database.url);
    defer(() => proxy.close());
    const locks = AdvisoryLockModule.forRoot({
      connectionOptions: { url: proxy.url(database.url) },
      ...(namespace !== undefined && { namespace }),
    });
    const started = await start({
      imports: [postgres(database), ScheduleModule.forRoot(), locks],
      providers: [Jobs],
    });
    const missed: string[] = [];
    started.app.get(AdvisoryLockEvents).on('missed', ({ tick, method }) => {
      expect(methods).toContain(method);
      missed.push(tick.toISOString());
    });
    return { ...started, proxy, missed };
  };
}

async function cut({ proxy }: Instance): Promise<void> {
  await proxy.refuse();
  proxy.cut();
}

const linesOf = ({ log }: Instance): string[] => log.matching(/missed its tick/);

/** Waits until the clock has passed so many ticks more. */
async function ticksLater(count: number): Promise<void> {
  const end = Date.now() + count * 1_000;
  await until(() => Date.now() > end, `${String(count)} ticks`, count * 1_000 + 10_000);
}

it('ticks that no instance could run are reported once; one that is cut off is no miss', async () => {
  // Another application with a job of that name, which runs all the time.
  await fleetOf([], {}, 'another')();
  const ran: string[] = [];
  const instance = fleetOf(ran);
  const fleet = [await instance(), await instance()] as const;
  const [one, other] = fleet;
  const allMissed = (): string[] => fleet.flatMap(({ missed }) => missed);
  await until(() => ran.length > 1, 'two runs');

  await cut(one);
  await ticksLater(3);
  await one.proxy.accept();
  await ticksLater(7);
  // On a busy machine a tick may be too late in all of them.
  expect(allMissed().filter((tick) => ran.includes(tick))).toEqual([]);

  await Promise.all(fleet.map(cut));
  const cutAt = new Date().toISOString();
  await ticksLater(3);
  await Promise.all([one.proxy.accept(), other.proxy.accept()]);
  const before = ran.length;
  await until(() => ran.length > before, 'a run after the outage', 20_000);
  const backAt = ran[before] ?? '';
  await until(() => allMissed().some((tick) => tick > cutAt), 'an event', 20_000);
  await ticksLater(7);

  const missed = allMissed();
  expect(missed.filter((tick) => ran.includes(tick))).toEqual([]);
  expect(new Set(missed).size).toBe(missed.length);
  // One for each whole second of the outage, whichever instance reports it.
  expect(missed.filter((tick) => tick > cutAt && tick < backAt).length).toBeGreaterThanOrEqual(2);
  const lines = fleet
    .flatMap(linesOf)
    .filter((line) => line > `warn [AdvisoryLock] Reports.write missed its tick at ${cutAt}`);
  expect(lines.length).toBeLessThanOrEqual(fleet.length);
  expect(lines[0]).toMatch(
    /^warn \[AdvisoryLock\] Reports\.write missed its tick at \S+Z: no instance ran it$/,
  );
}, 120_000);

it('ticks without a leader, after it failed, are reported once by the instance that is left', async () => {
  const ran: string[] = [];
  const instance = fleetOf(ran, { leader: 'desk' });
  const leader = await instance();
  await until(() => ran.length > 0, 'a run of the leader');
  const other = await instance();
  const skips: string[] = [];
  other.app.get(AdvisoryLockEvents).on('skipped', ({ reason }) => skips.push(reason));
  await until(() => skips.includes('not-leader'), 'a skip of the other');

  // The leader is gone, and no session of the other is left that could take over at once.
  await Promise.all([leader, other].map(cut));
  const failedAt = new Date().toISOString();
  await ticksLater(3);
  await other.proxy.accept();
  const before = ran.length;
  await until(() => ran.length > before, 'a run of the next leader', 20_000);
  const ledAt = ran[before] ?? '';
  const { missed } = other;
  const leaderless = () => missed.filter((tick) => tick > failedAt && tick < ledAt);
  // Of the three seconds at least.
  await until(() => leaderless().length >= 2, 'two events', 30_000);
  await ticksLater(2);

  // The last one that the leader ran may be among them: it was cut off with the claim of that tick.
  expect(missed.filter((tick) => tick > failedAt && ran.includes(tick))).toEqual([]);
  expect(missed.filter((tick) => ran.includes(tick)).length).toBeLessThanOrEqual(1);
  expect(new Set(missed).size).toBe(missed.length);
  expect(leader.missed).toEqual([]);
  expect(linesOf(other)[0]).toMatch(
    /^warn \[AdvisoryLock\] Reports\.write missed its tick at \S+Z: no instance ran it$/,
  );
}, 90_000);

it('a start, a pause, a deployment and a shutdown miss nothing', async () => {
  await database.query(ADVISORY_LOCK_JOB_PAUSE_SQL);
  const ran: string[] = [];
  const instance = fleetOf(ran);
  const old = await instance();
  await until(() => ran.length > 1, 'two runs');
  const jobs = old.app.get(AdvisoryLockJobs);
  await jobs.pause('Reports.write');
  await ticksLater(4);
  await jobs.resume('Reports.write');
  const replacement = await instance();
  await old.app.close();
  await ticksLater(7);
  await replacement.app.close();
  expect([...old.missed, ...replacement.missed]).toEqual([]);
}, 60_000);

it('after an outage the fleet is asked once for all jobs of all instances', async () => {
  const startMs = 20_000;
  const due = new Date(Math.ceil((Date.now() + startMs) / 1_000) * 1_000);
  const schedule = `${String(due.getSeconds())} ${String(due.getMinutes())} * * * *`;

  @Injectable()
  class Reports {
    @ExclusiveCron(schedule, { claimMs: 4_000 })
    async one(): Promise<void> {}

    @ExclusiveCron(schedule, { claimMs: 4_000 })
    async two(): Promise<void> {}

    @ExclusiveCron(schedule, { claimMs: 4_000 })
    async three(): Promise<void> {}
  }
  const methods = ['Reports.one', 'Reports.two', 'Reports.three'];
  const instance = instanceWith(Reports, methods);
  const fleet = await Promise.all([instance(), instance(), instance(), instance()]);
  const listener = await connect(database.url, 'listener');
  const questions: string[] = [];
  listener.on('notification', ({ payload = '' }) => {
    if (payload.includes('"keys":')) questions.push(payload);
  });
  await listener.query('LISTEN nestjs_advisory_lock');

  await Promise.all(fleet.map(cut));
  await until(() => Date.now() > due.getTime() + 1_000, 'the tick', startMs + 10_000);
  await Promise.all(fleet.map(({ proxy }) => proxy.accept()));
  const allMissed = (): string[] => fleet.flatMap(({ missed }) => missed);
  await until(() => allMissed().length >= methods.length, 'an event for each job', 30_000);
  await ticksLater(7);

  expect(allMissed()).toEqual(methods.map(() => due.toISOString()));
  // One, unless an instance is so busy that it does not report in time.
  expect(questions.length).toBeGreaterThanOrEqual(1);
  expect(questions.length).toBeLessThan(fleet.length);
}, 90_000);
