import { it } from '@jest/globals';
import { useTestDatabase } from '../support/test-database.js';
import { runModel, runScripts, timeLimitMs } from './model/run-model.js';

/*
 * Random sequences of what callers can do, in three services, against a model in memory. For longer runs:
 * MODEL_RUNS=1000. A failure prints its shortest sequence, and a seed and a path that `fc.assert` takes to
 * run it again.
 */
const RUNS = Number(process.env['MODEL_RUNS'] ?? 50);

const database = useTestDatabase();

it(
  'locks as the model says, over random sequences of trying, waiting, aborting and releasing',
  () => runModel(database, RUNS),
  timeLimitMs(RUNS) + 30_000,
);

it('goes through every transition of a key in scripted sequences', () => runScripts(database), 60_000);
