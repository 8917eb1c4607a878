import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { forkModule } from '../../sample-app/postgres/fork-module.js';
import { type HandOverOrder, type HandOverReply, nowMs } from './hand-over-process.js';
import { histogram } from './histogram.js';
import { quantile } from './quantile.js';
import type { Servers } from './servers.js';

const PROGRAM = fileURLToPath(new URL('./hand-over-process.ts', import.meta.url));
const NAME = 'handed over';

/** How long all waits stand before a lock is handed over, so that they have taken their places. */
const SETTLED_MS = 1_500;

const KEY = `SELECT ((classid::int8 << 32) | objid::int8)::text AS key FROM pg_catalog.pg_locks
  WHERE locktype = 'advisory' AND granted`;

class LockProcess {
  private constructor(readonly child: ChildProcess) {
    child.setMaxListeners(0);
  }

  static async start(url: string): Promise<LockProcess> {
    const child = forkModule(PROGRAM, [url], { env: { LIBRARY: 'built', ...process.env } });
    const started = new LockProcess(child);
    await once(child, 'message');
    return started;
  }

  order(order: HandOverOrder): void {
    this.child.send(order);
  }

  /** When the lock is held, or given back. */
  reply(name: string, isHeld: boolean): Promise<number> {
    return new Promise((resolve) => {
      const receive = (reply: HandOverReply): void => {
        if (reply.name !== name || reply.isHeld !== isHeld) return;
        this.child.off('message', receive);
        resolve(reply.atMs);
      };
      this.child.on('message', receive);
    });
  }

  async take(names: readonly string[]): Promise<void> {
    const taken = names.map((name) => this.reply(name, true));
    for (const take of names) this.order({ take });
    await Promise.all(taken);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    if (this.child.connected) this.child.disconnect();
    await exited;
  }
}

/** How a lock gets free: resolves to the moment. */
type GiveBack = (holder: LockProcess) => Promise<number>;

const byRelease: GiveBack = (holder) => {
  const released = holder.reply(NAME, false);
  holder.order({ giveBack: NAME });
  return released;
};

const byKill: GiveBack = async ({ child }) => {
  const exited = once(child, 'exit');
  const atMs = nowMs();
  child.kill('SIGKILL');
  await exited;
  return atMs;
};

export async function compareHandOvers(servers: Servers, isQuick: boolean): Promise<void> {
  const url = servers.url('postgres');
  console.log('\nhow long after a lock gets free the next process has it, in ms');
  for (const others of [0, 9]) {
    const waits = others === 0 ? 'one wait' : `one of ${others + 1} waits of the process`;
    const names = [NAME, ...Array.from({ length: others }, (_, n) => `other ${n}`)];
    print(`a release by this library, ${waits}`, await measure(url, names, byRelease, isQuick ? 10 : 50));
    print(`kill -9 of the holder, ${waits}`, await measure(url, names, byKill, isQuick ? 3 : 10));
    print(`a release by another program, ${waits}`, await measureForeign(url, names, isQuick ? 5 : 20));
  }
}

async function measure(
  url: string,
  names: readonly string[],
  giveBack: GiveBack,
  rounds: number,
): Promise<number[]> {
  const waiter = await LockProcess.start(url);
  let holder = await LockProcess.start(url);
  await holder.take(names);
  const latencies: number[] = [];
  try {
    for (const take of names) if (take !== NAME) waiter.order({ take });
    for (let round = 0; round < rounds; round += 1) {
      waiter.order({ take: NAME });
      const granted = waiter.reply(NAME, true);
      await sleep(SETTLED_MS);
      const freeAtMs = await giveBack(holder);
      latencies.push((await granted) - freeAtMs);
      const isKilled = holder.child.signalCode !== null;
      await giveBackAll(waiter, isKilled ? names : [NAME]);
      if (isKilled) {
        holder = await LockProcess.start(url);
        await holder.take(names);
        for (const take of names) if (take !== NAME) waiter.order({ take });
      } else await holder.take([NAME]);
    }
  } finally {
    await holder.stop();
    await waiter.stop();
  }
  return latencies;
}

/** Gives back what a process was granted, the rest as soon as it is granted. */
async function giveBackAll(waiter: LockProcess, names: readonly string[]): Promise<void> {
  await Promise.all(
    names.map(async (name) => {
      const released = waiter.reply(name, false);
      waiter.order({ giveBack: name });
      // What is not granted yet has nothing to give back.
      const timer = setInterval(() => {
        waiter.order({ giveBack: name });
      }, 20);
      await released;
      clearInterval(timer);
    }),
  );
}

/** The same, for a lock that a plain connection holds and unlocks. */
async function measureForeign(url: string, names: readonly string[], rounds: number): Promise<number[]> {
  const foreign = new pg.Client({ connectionString: url });
  const keyOf = await keyOfName(url);
  await foreign.connect();
  const holder = await LockProcess.start(url);
  await holder.take(names.slice(1));
  const waiter = await LockProcess.start(url);
  const latencies: number[] = [];
  try {
    for (const take of names.slice(1)) waiter.order({ take });
    for (let round = 0; round < rounds; round += 1) {
      await foreign.query('SELECT pg_advisory_lock($1)', [keyOf]);
      waiter.order({ take: NAME });
      const granted = waiter.reply(NAME, true);
      await sleep(SETTLED_MS);
      await foreign.query('SELECT pg_advisory_unlock($1)', [keyOf]);
      const freeAtMs = nowMs();
      latencies.push((await granted) - freeAtMs);
      await giveBackAll(waiter, [NAME]);
    }
  } finally {
    await foreign.end();
    await holder.stop();
    await waiter.stop();
  }
  return latencies;
}

async function keyOfName(url: string): Promise<string> {
  const holder = await LockProcess.start(url);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await holder.take([NAME]);
    const { rows } = await client.query<{ key: string }>(KEY);
    const [row, ...more] = rows;
    if (row === undefined || more.length > 0) throw new Error('the server has other locks');
    return row.key;
  } finally {
    await client.end();
    await holder.stop();
  }
}

function print(title: string, latencies: number[]): void {
  const [median, p99] = [quantile(latencies) ?? 0, quantile(latencies, 0.99) ?? 0];
  const worst = Math.max(...latencies);
  const figures = `median ${median.toFixed(1)}, p99 ${p99.toFixed(1)}, worst ${worst.toFixed(1)}`;
  console.log(`  ${title}: ${figures} (${latencies.length} hand-overs)`);
  for (const line of histogram(latencies)) console.log(`    ${line}`);
}
