import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LastWill, leaveWill } from './last-will.js';

/** A network namespace: processes in it have network interfaces and a firewall of their own. */
export class Namespace {
  readonly name = `test-${randomBytes(4).toString('hex')}`;
  readonly #folder: string;
  readonly #will: LastWill;

  constructor(readonly address: string) {
    this.#folder = mkdtempSync('/tmp/test-netns-');
    // A program inside it need not be root.
    chmodSync(this.#folder, 0o755);
    this.#will = leaveWill(`ip netns delete ${this.name}; rm -rf ${this.#folder}`);
    try {
      run('ip', 'netns', 'add', this.name);
      run('ip', '-n', this.name, 'link', 'set', 'lo', 'up');
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** A program that does the same as that one, inside the namespace. It must be started by root. */
  programInside(program: string, user: { uid?: number; gid?: number } = {}): string {
    const drop =
      user.uid === undefined ? '' : `setpriv --reuid ${user.uid} --regid ${user.gid ?? ''} --clear-groups`;
    const path = join(this.#folder, randomBytes(4).toString('hex'));
    const command = `exec nsenter --net=/run/netns/${this.name} ${drop} '${program}' "$@"`;
    writeFileSync(path, `#!/bin/sh\n${command}\n`, { mode: 0o755 });
    return path;
  }

  /** Runs iptables in it. */
  firewall(...args: string[]): void {
    run('nsenter', `--net=/run/netns/${this.name}`, 'iptables', '-w', ...args);
  }

  close(): void {
    spawnSync('ip', ['netns', 'delete', this.name], { env: environment() });
    rmSync(this.#folder, { recursive: true, force: true });
    this.#will.revoke();
  }
}

/** Gives each of the two an interface, and a cable between them. */
export function connectNamespaces(one: Namespace, other: Namespace): void {
  run('ip', '-n', one.name, 'link', 'add', 'cable', 'type', 'veth', 'peer', 'cable', 'netns', other.name);
  for (const { name, address } of [one, other]) {
    run('ip', '-n', name, 'address', 'add', `${address}/24`, 'dev', 'cable');
    run('ip', '-n', name, 'link', 'set', 'cable', 'up');
  }
}

/** Why this machine has none, if so: root in a container often lacks the permission. */
export function probeNamespaces(): string | undefined {
  const namespaces: Namespace[] = [];
  try {
    namespaces.push(new Namespace('10.0.0.1'), new Namespace('10.0.0.2'));
    connectNamespaces(...(namespaces as [Namespace, Namespace]));
    namespaces[0]?.firewall('-A', 'INPUT', '-j', 'DROP');
    return undefined;
  } catch (error) {
    return `it takes root with CAP_NET_ADMIN and CAP_SYS_ADMIN: ${String(error).trim()}`;
  } finally {
    for (const namespace of namespaces) namespace.close();
  }
}

function run(program: string, ...args: string[]): void {
  execFileSync(program, args, { stdio: 'pipe', env: environment() });
}

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` };
}
