import { afterAll, it as jestIt } from '@jest/globals';
import { AsyncLocalStorage } from 'node:async_hooks';
import { withOwnCleanup } from './cleanup.js';
import type { LeakCheckOptions } from './leak-check.js';
import { OwnDatabase, type TestDatabase } from './own-database.js';

export interface TogetherOptions extends Pick<LeakCheckOptions, 'connectionsMayStay' | 'deadlineMs'> {
  /**
   * How many of the tests run at the same time. Default: 2. More is for tests that start no processes: those
   * of many tests that start at once keep each other from being up in time.
   */
  readonly atOnce?: number;
  /** Runs in each database before its test. */
  readonly prepare?: (database: TestDatabase) => Promise<unknown>;
}

export interface TestsTogether {
  /** The one of the test that uses it. */
  readonly database: TestDatabase;
  /** In the place of Jest's. */
  readonly it: (title: string, body: () => unknown, timeoutMs?: number) => void;
}

/**
 * For a file whose tests spend their time waiting: they wait at the same time, each with a database and
 * clean-ups of its own, and after each of them no advisory lock and no connection may be left in its
 * database. None may block the event loop, which is that of the others, too. Where Jest is asked for some of
 * the tests, the others run as well, and are not reported.
 */
export function testsTogether({ atOnce = 2, prepare, ...leakCheck }: TogetherOptions = {}): TestsTogether {
  const current = new AsyncLocalStorage<OwnDatabase>();
  const own = (): OwnDatabase => {
    const database = current.getStore();
    if (database === undefined) throw new Error('A test has this database, and none is running here.');
    return database;
  };
  const tests: WaitingTest[] = [];
  let lanes: Promise<void>[] | undefined;

  const startAll = (): Promise<void>[] => {
    const next = tests.values();
    const lane = async (): Promise<void> => {
      for (const test of next) await test.run();
    };
    return Array.from({ length: atOnce }, lane);
  };

  const inOwnDatabase = async (body: () => unknown): Promise<void> => {
    const database = new OwnDatabase();
    try {
      await database.create();
      await prepare?.(database);
      await current.run(database, () => withOwnCleanup(body));
    } finally {
      try {
        await database.failOnLeaks(leakCheck);
      } finally {
        await database.drop();
      }
    }
  };

  afterAll(async () => {
    await Promise.all(lanes ?? []);
  });

  return {
    database: {
      get name() {
        return own().name;
      },
      get url() {
        return own().url;
      },
      query: (sql, params) => own().query(sql, params),
      advisoryLocks: () => own().advisoryLocks(),
      connections: () => own().connections(),
    },
    it(title, body, timeoutMs) {
      const test = new WaitingTest(() => inOwnDatabase(body));
      tests.push(test);
      const settles = (): Promise<void> => {
        lanes ??= startAll();
        return test.settled;
      };
      jestIt(title, settles, timeoutMs);
    },
  };
}

/** A test that another one may have begun when Jest comes to it. */
class WaitingTest {
  readonly settled: Promise<void>;
  #settle!: (outcome: Promise<void>) => void;

  constructor(private readonly body: () => Promise<void>) {
    this.settled = new Promise((resolve) => (this.#settle = resolve));
  }

  async run(): Promise<void> {
    const outcome = this.body();
    // Jest learns of a failure when it comes to the test.
    this.settled.catch(() => undefined);
    this.#settle(outcome);
    await outcome.catch(() => undefined);
  }
}
