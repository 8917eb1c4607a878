import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { withClient } from '../support/admin.js';

/** Where the fields of `/proc/<pid>/stat` are, counted behind the name of the program (proc(5)). */
const PARENT = 1;
const OWN_TIMES = [11, 12];
const TIMES_OF_ENDED_CHILDREN = [13, 14];

let msPerTick: number | undefined;

/** The CPU that a server has used, in milliseconds: its first process, and all that this has ever started. */
export function serverCpuMs(postmasterPid: number): number {
  msPerTick ??= 1_000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  const postmaster = statOf(postmasterPid);
  if (postmaster === undefined) throw new Error('the server has ended');
  const ticks = readdirSync('/proc').reduce(
    (sum, name) => {
      const stat = /^\d+$/.test(name) ? statOf(name) : undefined;
      return stat?.[PARENT] === postmasterPid ? sum + total(stat, OWN_TIMES) : sum;
    },
    total(postmaster, [...OWN_TIMES, ...TIMES_OF_ENDED_CHILDREN]),
  );
  return ticks * msPerTick;
}

/** The first process of the server. */
export function postmasterPid(serverUrl: string): Promise<number> {
  return withClient(serverUrl, async (client) => {
    const { rows } = await client.query<{ file: string }>(
      `SELECT pg_catalog.pg_read_file('postmaster.pid') AS file`,
    );
    return Number.parseInt(rows[0]?.file ?? '', 10);
  });
}

function total(stat: readonly number[], fields: readonly number[]): number {
  return fields.reduce((sum, field) => sum + (stat[field] ?? NaN), 0);
}

/** `undefined` when the process has ended. */
function statOf(pid: number | string): number[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name of the program may have spaces and parentheses.
    return text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
  } catch {
    return undefined;
  }
}
