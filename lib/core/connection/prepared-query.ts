import { hash } from 'node:crypto';
import { messageOf } from '../errors/message-of.js';
import { SqlState, sqlStateOf } from '../sql/sqlstate.js';
import { RecentMap } from '../key/recent-map.js';
import { isPooled } from './pooler.js';

/** The part of a client of a node-postgres pool that runs prepared statements. */
export interface PreparingClient {
  /** The pid that the server, or the pooler, announced. The client of pg-native reports none. */
  readonly processID?: number | null;
  query(config: {
    readonly name?: string;
    readonly text: string;
    readonly values?: unknown[];
  }): Promise<{ readonly rows: unknown[] }>;
}

/**
 * The backend has forgotten the statement, as after `DISCARD ALL`, has it from another client, as behind a
 * pooler that is not noticed, or a table that it reads was changed.
 */
const UNUSABLE: readonly string[] = [
  SqlState.invalidStatementName,
  SqlState.duplicateStatementName,
  SqlState.featureNotSupported,
];

/** What node-postgres says, without sending it, of a text that a wrapper of the client changes each time. */
const NOT_SENT = 'Prepared statements must be unique';

/**
 * How long a plan is kept, in milliseconds. Postgres keeps it until it analyzes a table, up to a minute after
 * that has grown; a plan for a table that was new reads all of it.
 */
const PLAN_MS = 1_000;

const FORGET_PLANS = 'DISCARD PLANS';

/** How many texts have a name at a time. */
const MAX_NAMES = 100;

interface Preparation {
  readonly canPrepare: boolean;
  /** Since when plans are kept, by `performance.now()`. */
  plannedAt: number;
}

const preparations = new WeakMap<PreparingClient, Preparation>();
const names = new RecentMap<string, string>(MAX_NAMES);

/**
 * Runs one statement, outside of a transaction, and resolves to its rows. Where the client has a backend of
 * its own, that parses and plans the text once a second: for a hundred leases a statement, to plan it is a
 * quarter of the time of the server. Behind a pooler, the next statement may come to another backend, and
 * some poolers pin a backend to a client that prepares; so there it is sent as it is.
 */
export async function queryPrepared<Row>(
  client: PreparingClient,
  text: string,
  values: readonly unknown[],
): Promise<Row[]> {
  const statement = { text, values: [...values] };
  const preparation = preparations.get(client) ?? (await prepare(client));
  if (!preparation.canPrepare) return (await client.query(statement)).rows as Row[];
  try {
    await forgetPlans(client, preparation);
    return (await client.query({ ...statement, name: nameOf(text) })).rows as Row[];
  } catch (error) {
    if (!isUnusable(error)) throw error;
    // It has had no effect. node-postgres takes what it has sent once for prepared.
    preparations.set(client, { ...preparation, canPrepare: false });
    return (await client.query(statement)).rows as Row[];
  }
}

function isUnusable(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === undefined ? messageOf(error).startsWith(NOT_SENT) : UNUSABLE.includes(state);
}

async function prepare(client: PreparingClient): Promise<Preparation> {
  const preparation = { canPrepare: await hasOwnBackend(client), plannedAt: performance.now() };
  preparations.set(client, preparation);
  return preparation;
}

async function hasOwnBackend(client: PreparingClient): Promise<boolean> {
  if (typeof client.processID !== 'number') return false;
  const { rows } = await client.query({ text: 'SELECT pg_catalog.pg_backend_pid()::pg_catalog.text AS pid' });
  return !isPooled('detect', client.processID, Number((rows[0] as { readonly pid: string }).pid));
}

async function forgetPlans(client: PreparingClient, preparation: Preparation): Promise<void> {
  const now = performance.now();
  if (now < preparation.plannedAt + PLAN_MS) return;
  preparation.plannedAt = now;
  await client.query({ text: FORGET_PLANS });
}

/** The same for the same text, as all clients of a pooler may share one space of names. */
function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = `advisory_lock_${hash('sha256', text).slice(0, 32)}`;
    names.set(text, name);
  }
  return name;
}
