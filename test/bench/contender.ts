export interface Contender {
  /** Takes a free lock, runs the body, gives the lock back. Rejects when the library did not get the lock. */
  withLock: (name: string, body: () => Promise<void>) => Promise<void>;
  /**
   * Waits for the lock without a limit, runs the body, gives the lock back.
   * Missing in libraries that cannot wait.
   */
  waitWithLock?: (name: string, body: () => Promise<void>) => Promise<void>;
  /** What `withLock` does, through a method with a decorator. Other libraries have none. */
  callLocked?: (name: string, body: () => Promise<void>) => Promise<void>;
  /** Takes a free lock and keeps it. Only this library is measured so. */
  hold?: (name: string) => Promise<{ release(): Promise<unknown> }>;
  close: () => Promise<void>;
}

/** What every file in `contenders/` exports under the name `open`. */
export type OpenContender = (serverUrl: string) => Promise<Contender>;

export type ServerKind = 'postgres' | 'redis';

export interface ContenderInfo {
  title: string;
  file: string;
  server: ServerKind;
  /** With more locks at once than this it does not work. */
  maxAtOnce?: number;
  /** The folder of the build of this library that it uses, instead of that of this checkout. */
  build?: string;
}

export const THIS_LIBRARY: ContenderInfo = {
  title: 'nestjs-advisory-lock',
  file: 'nestjs-advisory-lock',
  server: 'postgres',
};

const LIBRARIES: ContenderInfo[] = [
  // A connection per lock: 100 at once exceed the default limit of Postgres.
  { title: 'advisory-lock', file: 'advisory-lock', server: 'postgres', maxAtOnce: 10 },
  { title: 'redis-semaphore', file: 'redis-semaphore', server: 'redis' },
  { title: 'redlock', file: 'redlock', server: 'redis' },
  { title: 'murlock', file: 'murlock', server: 'redis' },
];

/** First what an application does without a library. */
export const DISTINCT_KEYS_RIVALS: ContenderInfo[] = [
  { title: 'query runner per lock', file: 'query-runner', server: 'postgres' },
  ...LIBRARIES,
];

/** The same lease, with and without the server's disk. */
export const LEASES: ContenderInfo[] = [
  { title: 'lease', file: 'lease', server: 'postgres' },
  { title: 'lease, durable: false', file: 'lease-not-durable', server: 'postgres' },
];

/** What ends by itself after a time, as a lease does. */
export const LEASE_RIVALS: ContenderInfo[] = [
  { title: 'table as of ShedLock', file: 'shedlock-table', server: 'postgres' },
  { title: 'redis-semaphore', file: 'redis-semaphore', server: 'redis' },
  { title: 'redlock', file: 'redlock', server: 'redis' },
];

export const HOT_KEY_RIVALS: ContenderInfo[] = [
  { title: 'blocked connection each', file: 'blocked-connection', server: 'postgres' },
  ...LIBRARIES,
];
