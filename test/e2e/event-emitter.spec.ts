import { expect, it } from '@jest/globals';
import { Injectable, Module, Scope } from '@nestjs/common';
import { EventEmitter2, EventEmitterModule, OnEvent } from '@nestjs/event-emitter';
import {
  AdvisoryLockEvents,
  AdvisoryLockModule,
  AdvisoryLockService,
  type AcquiredEvent,
  getAdvisoryLockToken,
  type LockEvent,
  type LostEvent,
} from 'nestjs-advisory-lock';
import { defer } from '../support/cleanup.js';
import { terminateHolders } from '../support/terminate-holders.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { lockedApp, start } from './support/applications.js';

const database = useTestDatabase();

@Injectable()
class Watch {
  readonly acquired: AcquiredEvent[] = [];
  readonly lost: LostEvent[] = [];

  @OnEvent('advisory-lock.acquired')
  onAcquired(event: AcquiredEvent): void {
    this.acquired.push(event);
  }

  @OnEvent('advisory-lock.lost')
  onLost(event: LostEvent): void {
    this.lost.push(event);
  }
}

@Injectable()
class WatchAll {
  readonly types: string[] = [];

  @OnEvent('advisory-lock.*')
  onDots({ type }: LockEvent): void {
    this.types.push(type);
  }

  @OnEvent('advisory-lock-*')
  onDashes({ type }: LockEvent): void {
    this.types.push(type);
  }
}

@Injectable()
class Broken {
  @OnEvent('advisory-lock.acquired', { suppressErrors: false })
  acquired(): void {
    throw new Error('out of order');
  }
}

it('emits each event unchanged, including a lost lock', async () => {
  const { app } = await start(
    lockedApp(database, { imports: [EventEmitterModule.forRoot()], providers: [Watch] }),
  );
  const { acquired, lost } = app.get(Watch);
  await app.get(AdvisoryLockService).acquire('order:42');
  expect(acquired).toMatchObject([{ type: 'acquired', lockName: 'order:42', mode: 'exclusive' }]);
  await terminateHolders(database);
  await until(() => lost.length > 0, 'the listener is notified of the loss');
  expect(lost).toMatchObject([{ lockName: 'order:42', error: { code: 'LOCK_LOST' } }]);
});

it.each([
  ['.', { wildcard: true }],
  ['-', { wildcard: true, delimiter: '-' }],
])('reaches listeners of all types, where names are parted by %j', async (_delimiter, options) => {
  const { app } = await start(
    lockedApp(database, { imports: [EventEmitterModule.forRoot(options)], providers: [WatchAll] }),
  );
  await app.get(AdvisoryLockService).withLock('import', () => undefined);
  expect(app.get(WatchAll).types).toEqual(['acquired', 'released']);
});

it('a delimiter without wildcards changes no name', async () => {
  const imports = [EventEmitterModule.forRoot({ delimiter: ':' })];
  const { app } = await start(lockedApp(database, { imports, providers: [Watch] }));
  await app.get(AdvisoryLockService).withLock('import', () => undefined);
  expect(app.get(Watch).acquired).toHaveLength(1);
});

it('a listener that throws breaks no lock and not the process, and is logged', async () => {
  const { app, log } = await start(
    lockedApp(database, { imports: [EventEmitterModule.forRoot()], providers: [Broken] }),
  );
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', note);
  defer(() => process.off('unhandledRejection', note));
  expect(await app.get(AdvisoryLockService).withLock('import', () => 42)).toBe(42);
  await until(() => log.matching(/A listener of "acquired" failed/).length === 1, 'it is logged');
  expect(unhandled).toEqual([]);
});

it('keeps two applications in one process apart, and has no listeners without the module', async () => {
  const startListening = async () => {
    const imports = [EventEmitterModule.forRoot()];
    return start(lockedApp(database, { imports, providers: [Watch] }));
  };
  const [{ app: one }, { app: two }, { app: without }] = [
    await startListening(),
    await startListening(),
    await start(lockedApp(database, {})),
  ];
  for (const app of [one, two, without]) {
    await app.get(AdvisoryLockService).withLock('import', () => undefined);
  }
  expect(one.get(Watch).acquired).toHaveLength(1);
  expect(two.get(Watch).acquired).toHaveLength(1);
  expect(without.get(AdvisoryLockEvents).hasListeners).toBe(false);
});

it('says of which of several modules an event is', async () => {
  const { app } = await start(
    lockedApp(database, {
      imports: [EventEmitterModule.forRoot(), AdvisoryLockModule.forRoot({ name: 'archive' })],
      providers: [Watch],
    }),
  );
  await app.get(AdvisoryLockService).withLock('a', () => undefined);
  await app.get<AdvisoryLockService>(getAdvisoryLockToken('archive')).withLock('b', () => undefined);
  const { acquired } = app.get(Watch);
  expect(acquired).toMatchObject([
    { lockName: 'a', connection: 'default' },
    { lockName: 'b', connection: 'archive' },
  ]);
});

it.each([
  ['request', Scope.REQUEST],
  ['injection', Scope.TRANSIENT],
])('an application starts that makes an emitter for each %s, and nothing listens', async (_each, scope) => {
  const emitter = { provide: EventEmitter2, scope, useFactory: () => new EventEmitter2() };
  const { app } = await start(lockedApp(database, { providers: [emitter] }));
  expect(app.get(AdvisoryLockEvents).hasListeners).toBe(false);
});

it('of several emitters, takes the one that Nest finds for the whole application', async () => {
  @Module({ providers: [EventEmitter2] })
  class Orders {}
  const { app } = await start(
    lockedApp(database, { imports: [Orders, EventEmitterModule.forRoot()], providers: [Watch] }),
  );
  await app.get(AdvisoryLockService).withLock('import', () => undefined);
  expect(app.get(Watch).acquired).toHaveLength(1);
});
