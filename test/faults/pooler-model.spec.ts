import { it } from '@jest/globals';
import { runModel, timeLimitMs } from '../integration/model/run-model.js';
import { useTestDatabase } from '../support/test-database.js';
import { closeAfterTest } from './support/close-after-test.js';
import { describeWith } from './support/describe-with.js';
import { startPgBouncer } from './support/pgbouncer.js';

/** The sequences of test/integration/model.spec.ts. For longer runs: POOLER_MODEL_RUNS=300. */
const RUNS = Number(process.env['POOLER_MODEL_RUNS'] ?? 8);

const database = useTestDatabase();

describeWith('pgbouncer', 'through a pooler', () => {
  it.each(['transaction', 'session'] as const)(
    'locks as the model says in %s mode',
    async (mode) => {
      // As many as the three services may take at once, and some for tokens and cancels.
      const bouncer = await closeAfterTest(startPgBouncer(database.url, { mode, poolSize: 24 }));
      await runModel(database, RUNS, bouncer.url);
    },
    timeLimitMs(RUNS) + 30_000,
  );
});
