import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { freePort } from '../../sample-app/postgres/server.js';
import { defer } from '../support/cleanup.js';

export interface Fleet {
  readonly ports: number[];
  /** Ends all instances as a deployment does, and resolves to what they have printed. */
  stop(): Promise<string>;
}

/** Starts three instances of a compiled application, each of which prints a line when it is ready. */
export async function startFleet(app: string, databaseUrl: string): Promise<Fleet> {
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  let output = '';
  const instances = ports.map((port, index) => {
    const env = { DATABASE_URL: databaseUrl, PORT: String(port), INSTANCE: `instance ${index + 1}` };
    const child = spawn(process.execPath, ['dist/main.js'], {
      cwd: app,
      env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    }
    const exited = once(child, 'close');
    defer(async () => {
      child.kill('SIGKILL');
      await exited;
    });
    const ready = once(createInterface(child.stdout), 'line');
    return {
      child,
      exited,
      ready: Promise.race([ready, exited.then(() => Promise.reject(new Error(output)))]),
    };
  });
  await Promise.all(instances.map(({ ready }) => ready));
  return {
    ports,
    async stop() {
      for (const { child } of instances) child.kill('SIGTERM');
      await Promise.all(instances.map(({ exited }) => exited));
      return output;
    },
  };
}
