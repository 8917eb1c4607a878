/** The core of the suite: sessions, locks, waits, permits, leaderships. */
const SPECS = [
  'test/integration/lock-session.spec.ts',
  'test/integration/service.spec.ts',
  'test/integration/waiting.spec.ts',
  'test/integration/permits.spec.ts',
  'test/integration/leadership.spec.ts',
];

/** What needs TypeORM: its transactions, and jobs of applications with a data source. */
const SPECS_OF_TYPEORM = ['test/integration/transaction-locks.spec.ts', 'test/e2e/exclusive-cron.spec.ts'];

export function specsFor(hasTypeOrm: boolean): readonly string[] {
  return hasTypeOrm ? [...SPECS, ...SPECS_OF_TYPEORM] : SPECS;
}
