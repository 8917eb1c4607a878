import type { ServerFacts } from './handshake.js';
import type { Connection } from './connection-source.js';
import { sessionSettings } from './session-settings.js';
import type { SessionTimes } from './session-times.js';
import { CHECKUP } from '../sql/server-statements.js';

/** What a lock connection finds out about its server. */
export interface Checkup {
  readonly server: ServerFacts;
  readonly isPooled: boolean;
  /**
   * The settings of the session by name, as `pg_settings` shows them. Settings that the server does not know
   * are missing.
   */
  readonly settings: Readonly<Record<string, string>>;
  /** What the settings should be, by name. */
  readonly wantedSettings: Readonly<Record<string, string>>;
  /** Whether there is a network in between. */
  readonly isOverTcp: boolean;
  readonly serverConnections: { readonly open: number; readonly allowed: number };
  readonly lockTable: { readonly used: number; readonly capacity: number };
  /**
   * How far the clock of the server is ahead of the clock of this process, and how exact that is, in
   * milliseconds.
   */
  readonly clock: { readonly aheadMs: number; readonly uncertaintyMs: number };
}

type Findings = Omit<Checkup, 'server' | 'isPooled' | 'wantedSettings' | 'clock'> & {
  readonly clockMs: number;
};

/** Inspects the server over a connection that holds a backend. */
export async function checkUp(connection: Connection, times: SessionTimes): Promise<Checkup> {
  const { server, isPooled } = connection;
  // Behind a pooler, the network connection to the server belongs to the pooler, and so do its TCP settings.
  const wanted = [...sessionSettings(times, server)].filter(
    ([name]) => !isPooled || !name.startsWith('tcp_'),
  );
  const askedAt = Date.now();
  const [text] = await connection.query({
    text: CHECKUP,
    values: [`{${wanted.map(([name]) => name).join(',')}}`],
  });
  const receivedAt = Date.now();
  const { clockMs, ...findings } = JSON.parse(text ?? '') as Findings;
  const wantedSettings = Object.fromEntries(wanted);
  const clock = {
    aheadMs: Math.round(clockMs - (askedAt + receivedAt) / 2),
    uncertaintyMs: Math.ceil((receivedAt - askedAt) / 2),
  };
  return { server, isPooled, wantedSettings, clock, ...findings };
}
