import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { ServerUser } from '../../../sample-app/postgres/binaries.js';
import { withClient } from '../../support/admin.js';
import { until } from '../../support/until.js';
import { within } from '../../support/within.js';
import { leaveWill } from './last-will.js';

export interface ServerCommand {
  readonly program: string;
  readonly args: string[];
  readonly user: ServerUser;
  readonly folder: string;
  /** The line of its log that says that it is up. */
  readonly ready: RegExp;
}

export interface ServerProcess {
  readonly pid: number;
  readonly exited: Promise<unknown>;
  /** What it has logged so far. */
  readonly log: () => string;
  /** Sends a signal to its first process alone, and waits until that has ended. */
  end(signal: NodeJS.Signals): Promise<void>;
}

/** A server that takes longer to start or to end hangs, even on a busy machine. */
const HANGS_AFTER_MS = 60_000;
/** Of its log, in characters, for the error. */
const SHOWN = 3_000;

/** Starts a server that logs to stderr, waits until it says that it is up, and ties it to this process. */
export async function startServerProcess(command: ServerCommand): Promise<ServerProcess> {
  const child = spawn(command.program, command.args, {
    ...command.user,
    cwd: command.folder,
    // The line is looked for in English.
    env: { ...process.env, LC_ALL: 'C' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit');
  const pid = child.pid;
  if (pid !== undefined) {
    const will = leaveWill(endAtOnce(pid));
    void exited.then(will.revoke, will.revoke);
  }
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const printed = (): string => `it has printed:\n${log.slice(-SHOWN)}`;
  try {
    const ready = isReady(child, command, () => log);
    await within(HANGS_AFTER_MS, ready, () => `${command.program} is up; ${printed()}`);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return {
    pid: pid ?? 0,
    exited,
    log: () => log,
    async end(signal) {
      child.kill(signal);
      await within(HANGS_AFTER_MS, exited, () => `${command.program} ends by ${signal}; ${printed()}`);
    },
  };
}

const RESPONDS_WITHIN_MS = 30_000;
/** A query may hang where a pooler waits for the server behind it. */
const RESPONSE_MS = 10_000;

/** A pooler says that it is up before the server behind it responds. */
export async function untilResponds(url: string, what: string): Promise<void> {
  let reason: unknown;
  const responds = () =>
    within(
      RESPONSE_MS,
      withClient(url, (client) => client.query('SELECT 1')),
      () => 'a query',
    ).then(
      () => true,
      (error: unknown) => {
        reason = error;
        return false;
      },
    );
  await until(responds, what, RESPONDS_WITHIN_MS).catch((error: unknown) => {
    throw new Error(String(error), { cause: reason });
  });
}

function isReady(child: ChildProcess, { program, ready }: ServerCommand, log: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.stderr?.on('data', () => {
      if (ready.test(log())) resolve();
    });
    child.once('error', reject);
    child.once('exit', () => {
      setImmediate(() => {
        reject(new Error(`${program} ended before it was up:\n${log()}`));
      });
    });
  });
}

/**
 * Also waits, because the will before that one removes the server's folder. In a container no process may
 * reap the orphan: a zombie has ended, too.
 */
function endAtOnce(pid: number): string {
  const isRunning = `kill -0 ${pid} && ! grep -qs '^State:.Z' /proc/${pid}/status`;
  const wait = `for i in $(seq 70); do { ${isRunning}; } || exit; sleep 0.1; done`;
  return `kill -QUIT ${pid}; ${wait}; kill -KILL ${pid}`;
}
