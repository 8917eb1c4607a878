/** How a connection is listened to. */
export interface HeartbeatTimes {
  /** After so much silence the other side is asked whether it is there, in milliseconds; `Infinity` never asks. */
  readonly heartbeatMs: number;
  /** After so much silence it counts as gone, in milliseconds. */
  readonly lostAfterMs: number;
}

export const DEFAULT_HEARTBEAT_TIMES: HeartbeatTimes = { heartbeatMs: 2_000, lostAfterMs: 8_000 };

/** How long a session of locks lasts. */
export interface SessionTimes extends HeartbeatTimes {
  /** After so much silence from the client the server ends the session, in milliseconds; `undefined` never does. */
  readonly frozenAfterMs?: number | undefined;
}
