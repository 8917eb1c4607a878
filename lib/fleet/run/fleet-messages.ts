import type { LockRuntime, Notification } from '../../core/index.js';
import type { DroppedReports } from '../dropped-reports.js';
import { type FleetSignatures, messageContext } from '../fleet-signatures.js';
import { notify } from '../notify.js';
import { asciiJson } from '../parts.js';
import { SenderLimit } from '../sender-limit.js';
import { type CancelMessage, readCancelMessage } from './cancel-message.js';
import { readRunMessage, type RunMessage } from './run-messages.js';
import { SendPace } from './send-pace.js';
import { SenderRoles } from './sender-roles.js';

export type FleetMessage = RunMessage | CancelMessage;

/** A message, and what Postgres says about it. */
export interface ReceivedMessage {
  readonly message: FleetMessage;
  readonly senderPid: number;
  readonly channel: string;
}

/** How many messages of one backend are read in a second. */
const MAX_MESSAGES_A_SECOND = 100;

/** How many are sent in a second: fewer, as those of two seconds may arrive in one. */
const MAX_SENT_A_SECOND = MAX_MESSAGES_A_SECOND / 2;

/** It begins with its kind, or with a signature before that. Questions and parts of reports do not. */
const MESSAGE = /^\{(?:"signature":"[\w-]{43}",)?"kind":"(?:run|cancel)/;

/**
 * What processes send each other about runs of jobs: orders, and what comes of them. Any client of the
 * database may send some. In a fleet with a secret they are signed, and others are dropped. Whether the role
 * of a sender may give orders is for the receiver to check, as it costs a query.
 */
export class FleetMessages {
  /** Which senders may give orders, and which belong to the application. */
  readonly roles: SenderRoles;
  private readonly listeners = new Set<(received: ReceivedMessage) => void>();
  private readonly limit = new SenderLimit(MAX_MESSAGES_A_SECOND);
  /** A message that is dropped is lost: a caller of `runNow()` would wait without end for that of its run. */
  private readonly pace = new SendPace(MAX_SENT_A_SECOND);

  constructor(
    private readonly runtime: Pick<LockRuntime, 'server' | 'backendPids'>,
    private readonly dropped: DroppedReports,
    private readonly signatures: FleetSignatures | undefined,
  ) {
    this.roles = new SenderRoles(runtime.server);
  }

  /** Calls the listener for each message of another process, until the returned function is called. */
  onMessage(listener: (received: ReceivedMessage) => void): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  /** Sends a message when it is its turn, and tries it again. Rejects as the query does. */
  async send(channel: string, message: FleetMessage, attempts?: number): Promise<void> {
    const { runtime, signatures } = this;
    const json = asciiJson(message);
    const payload = async (): Promise<string> => {
      if (signatures === undefined) return json;
      // The signature names the backend that sends it, which is another one after a loss.
      await runtime.server.listener();
      return signatures.sign(messageContext(runtime.backendPids[0] ?? 0, channel), json);
    };
    await this.pace.turn();
    await notify(runtime.server, channel, payload, attempts);
  }

  /** Whether the sender of an order may give it, by its role. Counts a refusal. Rejects as the query does. */
  async mayOrder(senderPid: number): Promise<boolean> {
    const mayOrder = await this.roles.mayOrder(senderPid);
    if (!mayOrder) this.dropped.note(senderPid, 'an order of a role that may not give it');
    return mayOrder;
  }

  /** Returns whether the notification of another process is such a message, believed or not. */
  receive({ channel, payload = '', processId: senderPid }: Notification): boolean {
    if (!MESSAGE.test(payload)) return false;
    const isSigned = (): boolean =>
      this.signatures?.verify(messageContext(senderPid, channel), payload) !== false;
    const message = this.limit.allows(senderPid) && isSigned() ? readMessage(payload) : undefined;
    if (message === undefined) {
      this.dropped.note(senderPid, 'a message about a job that is none, or is not signed');
      return true;
    }
    for (const listener of this.listeners) listener({ message, senderPid, channel });
    return true;
  }
}

function readMessage(payload: string): FleetMessage | undefined {
  try {
    const value = JSON.parse(payload) as Partial<Record<string, unknown>>;
    return readCancelMessage(value) ?? readRunMessage(value);
  } catch {
    return undefined;
  }
}
