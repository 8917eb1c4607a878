import type { ServerFacts } from './handshake.js';
import type { LockConnection } from './lock-connection.js';
import { sessionSettings } from './session-settings.js';
import type { SessionTimes } from './session-times.js';
import { CHECKUP } from '../sql/server-statements.js';

/** What a lock connection finds out about its server. */
export interface Checkup {
  readonly server: ServerFacts;
  readonly isPooled: boolean;
  /** The settings of the session by name, as Postgres writes them in `pg_settings`; those that the server knows. */
  readonly settings: Readonly<Record<string, string>>;
  /** What the settings should be, by name. */
  readonly wantedSettings: Readonly<Record<string, string>>;
  /** Whether there is a network in between. */
  readonly isOverTcp: boolean;
  readonly serverConnections: { readonly open: number; readonly allowed: number };
  readonly lockTable: { readonly used: number; readonly capacity: number };
  /** How far the server's clock is ahead of this process', in milliseconds, and how exactly that is known. */
  readonly clock: { readonly aheadMs: number; readonly uncertaintyMs: number };
}

type Answer = Omit<Checkup, 'server' | 'isPooled' | 'wantedSettings' | 'clock'> & {
  readonly clockMs: number;
};

/** Looks at the server by way of a connection that holds a backend. */
export async function checkUp(connection: LockConnection, times: SessionTimes): Promise<Checkup> {
  const { server, isPooled } = connection;
  // Through a pooler the network in between is the pooler's, and so are its settings.
  const wanted = [...sessionSettings(times, server)].filter(
    ([name]) => !isPooled || !name.startsWith('tcp_'),
  );
  const askedAt = Date.now();
  const [text] = await connection.query({
    text: CHECKUP,
    values: [`{${wanted.map(([name]) => name).join(',')}}`],
  });
  const answeredAt = Date.now();
  const { clockMs, ...answer } = JSON.parse(text ?? '') as Answer;
  const wantedSettings = Object.fromEntries(wanted);
  const clock = {
    aheadMs: Math.round(clockMs - (askedAt + answeredAt) / 2),
    uncertaintyMs: Math.ceil((answeredAt - askedAt) / 2),
  };
  return { server, isPooled, wantedSettings, clock, ...answer };
}
