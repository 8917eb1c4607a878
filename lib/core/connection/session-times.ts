/** How a connection is monitored. */
export interface HeartbeatTimes {
  /**
   * After so much silence a query checks that the server is alive, in milliseconds; `Infinity` sends none.
   */
  readonly heartbeatMs: number;
  /** After so much silence the server counts as gone, in milliseconds. */
  readonly lostAfterMs: number;
}

export const DEFAULT_HEARTBEAT_TIMES: HeartbeatTimes = { heartbeatMs: 2_000, lostAfterMs: 8_000 };

/** How long a session of locks lasts. */
export interface SessionTimes extends HeartbeatTimes {
  /**
   * After so much silence of the client the server ends the session, in milliseconds; `undefined` never ends
   * it.
   */
  readonly frozenAfterMs?: number | undefined;
}
