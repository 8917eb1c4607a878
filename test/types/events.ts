import {
  type AdvisoryLockEvents,
  AdvisoryLockModule,
  type LockEvent,
  type LockEventOf,
  type LockLostError,
} from 'nestjs-advisory-lock';
import { AdvisoryLockDashboardModule } from 'nestjs-advisory-lock/dashboard';

/** What a listener is given is the event of its type. */
export function listen(events: AdvisoryLockEvents): () => void {
  events.on('lost', ({ lockName, heldMs, error }): [string, number, LockLostError] => [
    lockName,
    heldMs,
    error,
  ]);
  events.on('skipped', async ({ reason, tick }) => Promise.resolve([reason, tick?.getTime()]));
  // @ts-expect-error 2339 only the end of a hold says how long it was
  events.on('acquired', ({ heldMs }) => heldMs);
  // @ts-expect-error 2769 there is no such event
  events.on('taken', () => undefined);
  return events.on('*', (event: LockEvent) => (event.type === 'tick' ? event.state : event.connection));
}

export const durationOf = ({ durationMs = 0 }: LockEventOf<'tick'>): number => durationMs;

export const modules = [
  AdvisoryLockModule.forRoot({
    instanceName: 'web-1',
    joinsFleet: false,
    warnAfterTicks: 5,
    telemetry: 'auto',
  }),
  // @ts-expect-error 2322 nothing but true, false and 'auto'
  AdvisoryLockModule.forRoot({ telemetry: 'always' }),
  AdvisoryLockDashboardModule.forRoot({ path: '/locks', public: true }),
  // @ts-expect-error 2322 a guard is a class, or an object with canActivate()
  AdvisoryLockDashboardModule.forRoot({ guards: ['admin'] }),
];
