/*
 * Runs in the workspace of a row. Starts the server of the row, runs the smoke program in both halves and the
 * specs of the order that its parent sends, and sends the outcome back.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startEmbeddedPostgres } from '../../sample-app/postgres/embedded-postgres.js';
import { serverVersion } from '../support/admin.js';
import { compileProgram } from '../smoke/compile-program.js';
import { type Result, runProgram } from '../smoke/run-program.js';

export interface RowOrder {
  readonly executable: string;
  /** What comes before a program on its command line. */
  readonly args: readonly string[];
  readonly hasTypeOrm: boolean;
  /** None where the runtime does not run Jest. */
  readonly specs: readonly string[];
}

/** How the specs ended. */
export interface TestResult {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** The failed tests, or what kept them from running. */
  readonly failures: readonly string[];
}

export interface RowOutcome {
  readonly server: string;
  readonly esm: Result;
  readonly cjs: Result;
  readonly tests?: TestResult;
}

const TIMEOUT_MS = 15 * 60_000;
const root = fileURLToPath(new URL('../..', import.meta.url));
const [order] = (await once(process, 'message')) as [RowOrder];
const server = await startEmbeddedPostgres();
try {
  const program = await compileProgram();
  const smoke = (half: 'esm' | 'cjs') =>
    runProgram([order.executable, ...order.args, program], {
      ...process.env,
      SMOKE_LIBRARY: join(root, 'dist', half, 'index.js'),
      SMOKE_DATABASE_URL: server.url,
      ...(!order.hasTypeOrm && { SMOKE_WITHOUT_TYPEORM: 'true' }),
    });
  const esm = await smoke('esm');
  const cjs = await smoke('cjs');
  const tests = order.specs.length === 0 ? undefined : await runSpecs(order);
  const version = await serverVersion(server.url);
  process.send?.({ server: version, esm, cjs, ...(tests && { tests }) } satisfies RowOutcome);
} finally {
  await server.stop();
}
process.disconnect();

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly {
    readonly message: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

async function runSpecs({ executable, specs }: RowOrder): Promise<TestResult> {
  const folder = await mkdtemp(join(tmpdir(), 'matrix-'));
  const reportFile = join(folder, 'report.json');
  const jest = join(root, 'node_modules/jest/bin/jest.js');
  const flags = ['-w', '1', '--ci', '--json', '--outputFile', reportFile, '--rootDir', root];
  const child = spawn(executable, ['--experimental-vm-modules', '--no-warnings', jest, ...flags, ...specs], {
    cwd: root,
    env: { ...process.env, TEST_DATABASE_URL: server.url },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  let printed = '';
  child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  await once(child, 'close');
  try {
    return resultOf(JSON.parse(await readFile(reportFile, 'utf8')) as Report);
  } catch {
    return { passed: 0, failed: 0, skipped: 0, failures: [printed.slice(-2_000)] };
  } finally {
    await rm(folder, { recursive: true });
  }
}

function resultOf({ numPassedTests, numFailedTests, numPendingTests, testResults }: Report): TestResult {
  const failures = testResults.flatMap(({ status, message, assertionResults }) => {
    const failed = assertionResults.filter((result) => result.status === 'failed');
    return status === 'failed' && failed.length === 0 ? [message] : failed.map(({ fullName }) => fullName);
  });
  return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests, failures };
}
