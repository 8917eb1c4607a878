import { expect } from '@jest/globals';
import fc from 'fast-check';
import { createLocks, type Locks, type LocksOptions } from '../../support/locks.js';
import type { TestDatabase } from '../../support/test-database.js';
import { type KeyStateName, NEXT_STATES } from '../../../lib/core/index.js';
import { lockCommands, scripts } from './commands.js';
import { Fleet, type Member, type ModelServer } from './fleet.js';
import { LockModel } from './lock-model.js';

/**
 * How long so many runs may take: one takes some 230 ms, and ten times that on a busy machine; a failing one
 * is shortened for so long.
 */
export const timeLimitMs = (runs: number): number => 60_000 + runs * 3_000;

const PLAIN_NAMES = ['a', 'b'];
const PERMIT_NAME = 'p';
const PERMITS = 2;
/** Few, so that short sequences get to the end of them. */
const MAX_LOCAL_HANDOFFS = 1;

/** What the services lock on. */
export interface ModelSubject {
  readonly server: ModelServer;
  /** Whether sessions may be ended in the middle. */
  readonly hasLosses: boolean;
  /** A service with so many connections. */
  createLocks(options: LocksOptions & { readonly maxConnections: number }): Locks;
}

/** Services that connect to the URL, compared with what the database says. */
function onDatabase(database: TestDatabase, url = database.url): ModelSubject {
  return {
    server: {
      advisoryLocks: () => database.advisoryLocks(),
      async terminate(pids) {
        // All of them before any is waited for: the end of one may grant what another one waits for.
        await database.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [pids]);
        await database.query('SELECT pg_terminate_backend(pid, 5000) FROM unnest($1::int[]) AS pid', [pids]);
      },
    },
    // Through a pooler, the backends are not the service's own.
    hasLosses: url === database.url,
    createLocks: (options) => createLocks(url, options),
  };
}

function createMembers(
  subject: ModelSubject,
  options: LocksOptions,
): (Member & { close(): Promise<void> })[] {
  // The last one has a single connection to wait on, and must try again and again for the others.
  return [8, 8, 2].map((maxConnections) => {
    const locks = subject.createLocks({ ...options, maxConnections, maxLocalHandoffs: MAX_LOCAL_HANDOFFS });
    const { service, engine } = locks;
    return { service, engine, close: () => locks.close(), hasConnections: maxConnections > 2 };
  });
}

/** Runs so many random sequences in services that connect to the URL. */
export function runModel(
  database: TestDatabase,
  runsWanted: number,
  url = database.url,
  options: LocksOptions = {},
): Promise<void> {
  return runModelOn(onDatabase(database, url), runsWanted, options);
}

/** Runs so many random sequences, and compares with what the server says. */
export async function runModelOn(
  subject: ModelSubject,
  runsWanted: number,
  options: LocksOptions = {},
): Promise<void> {
  let members = createMembers(subject, options);
  let runs = 0;
  const commands = lockCommands({
    services: members.length,
    plainNames: PLAIN_NAMES,
    permitName: PERMIT_NAME,
    permits: PERMITS,
    hasLosses: subject.hasLosses,
  });
  const property = fc.asyncProperty(commands, async (sequence) => {
    runs += 1;
    const model = new LockModel(MAX_LOCAL_HANDOFFS);
    const names = { plain: PLAIN_NAMES, permits: PERMIT_NAME };
    const fleet = new Fleet(subject.server, members, model, names, PERMITS, `run ${runs} `);
    try {
      await fc.asyncModelRun(() => ({ model, real: fleet }), sequence);
      await fleet.finish();
    } catch (error) {
      // What a failed run has left must not be in the way of the next, shorter one.
      await Promise.all(members.map((member) => member.close()));
      members = createMembers(subject, options);
      throw error;
    }
  });
  await fc.assert(property, { numRuns: runsWanted, interruptAfterTimeLimit: timeLimitMs(runsWanted) });
  expect(runs).toBe(runsWanted);
}

/** Runs the scripted sequences, and checks that they go through every transition of a key. */
export function runScripts(database: TestDatabase): Promise<void> {
  return runScriptsOn(onDatabase(database));
}

/** The same on another server. */
export async function runScriptsOn(subject: ModelSubject): Promise<void> {
  const seen = new Set<string>();
  const onTransition = (from: KeyStateName, to: KeyStateName): void => {
    seen.add(`${from} -> ${to}`);
  };
  const members = createMembers(subject, { onTransition });
  for (const [title, commands] of Object.entries(scripts)) {
    const model = new LockModel(MAX_LOCAL_HANDOFFS);
    const names = { plain: PLAIN_NAMES, permits: PERMIT_NAME };
    const fleet = new Fleet(subject.server, members, model, names, PERMITS, `${title} `);
    await fc.asyncModelRun(() => ({ model, real: fleet }), commands);
    await fleet.finish();
  }
  const all = Object.entries(NEXT_STATES).flatMap(([from, next]) => next.map((to) => `${from} -> ${to}`));
  expect([...seen].sort()).toEqual(all.sort());
}
