import { execFile } from 'node:child_process';
import { STEPS, type StepName } from './steps.js';

const TIMEOUT_MS = 120_000;

/** How the program ended on one runtime, with one half of the package. */
export interface Result {
  readonly passed: readonly StepName[];
  /** What it printed, when it has not passed everything. */
  readonly failure?: string;
}

/** Runs the program. Never rejects. */
export function runProgram(
  command: readonly [executable: string, ...args: string[]],
  env: NodeJS.ProcessEnv,
): Promise<Result> {
  const [executable, ...args] = command;
  return new Promise((resolve) => {
    const options = { env, timeout: TIMEOUT_MS, killSignal: 'SIGKILL' } as const;
    execFile(executable, args, options, (error, stdout, stderr) => {
      const lines = stdout.split('\n').map((line) => line.trim());
      const passed = STEPS.filter((step) => lines.includes(step));
      const isComplete = error === null && passed.length === STEPS.length;
      resolve(
        isComplete
          ? { passed }
          : { passed, failure: `${stdout}${stderr}${error?.message ?? 'It has not passed every step.'}` },
      );
    });
  });
}
