import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LockRuntime } from '../../core/index.js';
import { QUESTIONS, reportChannelOf } from '../channels.js';
import { notify } from '../notify.js';
import { readRunMessage, type RunEnd, type RunMessage } from './run-messages.js';
import { isOfApplication } from './sender-role.js';

/** How long an instance may take to begin what it has offered, in milliseconds. */
const BEGIN_WITHIN_MS = 8_000;

/** How often to check that the instance that runs the job is there, in milliseconds. */
const CHECK_MS = 2_000;

export interface RunRequest {
  /** The job's digest. */
  readonly job: string;
  /** How long the instance waits for the lock of the job, in milliseconds; `Infinity` without end. */
  readonly waitMs: number;
  /** How long to wait for an instance that has the job, in milliseconds. */
  readonly withinMs: number;
}

/** How the request ended. `'none'`: no instance has the job. `'lost'`: the end of the run is not known. */
export type RunOutcome =
  | { readonly end: RunEnd; readonly instance: string; readonly message: string }
  | { readonly end: 'lost'; readonly instance: string; readonly message: string }
  | { readonly end: 'none' };

type Runtime = Pick<LockRuntime, 'server' | 'onNotification'>;

interface Offer {
  readonly pid: number;
  readonly instance: string;
}

/**
 * Asks the fleet to run a job in one instance, and waits for the end of that run. Its session must receive
 * notifications. Rejects when the database is away before an instance has begun.
 */
export async function askToRun(runtime: Runtime, request: RunRequest): Promise<RunOutcome> {
  const id = randomUUID();
  const inbox = new Inbox(runtime, id, await runtime.server.listener());
  try {
    await notify(runtime.server, QUESTIONS, { kind: 'run', id, job: request.job });
    const deadline = performance.now() + request.withinMs;
    for (;;) {
      const offer = await inbox.nextOffer(deadline);
      if (offer === undefined) return { end: 'none' };
      const waitMs = Number.isFinite(request.waitMs) ? request.waitMs : null;
      await notify(runtime.server, reportChannelOf(offer.pid), { kind: 'run-start', id, waitMs });
      // An instance that is later than this does not begin.
      const first = await inbox.next(offer.pid, BEGIN_WITHIN_MS);
      if (first !== undefined) return await outcomeOf(runtime, inbox, offer, first);
    }
  } finally {
    inbox.close();
  }
}

async function outcomeOf(
  runtime: Runtime,
  inbox: Inbox,
  { pid, instance }: Offer,
  first: RunMessage,
): Promise<RunOutcome> {
  let message: RunMessage | undefined = first;
  let lost: string | undefined;
  while (lost === undefined || message !== undefined) {
    if (message?.kind === 'run-end') return { end: message.end, instance, message: message.message ?? '' };
    lost = await lostSide(runtime, inbox, pid);
    message = await inbox.next(pid, lost === undefined ? CHECK_MS : 0);
  }
  return { end: 'lost', instance, message: `${lost} is gone, and the end of the run is not known` };
}

/** The side whose connection is gone; `undefined` while both are there. */
async function lostSide(runtime: Runtime, inbox: Inbox, pid: number): Promise<string | undefined> {
  try {
    if (!(await inbox.isOpen())) return 'the lock connection of this process';
    return (await isOfApplication(runtime.server, pid)) ? undefined : 'the lock connection of that instance';
  } catch {
    return 'the lock connection of this process';
  }
}

/** The messages to one request. Those of other roles than that of the application are left out. */
class Inbox {
  private readonly messages: { readonly pid: number; readonly message: RunMessage }[] = [];
  private wake = (): void => undefined;
  readonly close: () => void;

  constructor(
    private readonly runtime: Runtime,
    id: string,
    private readonly listener: object | undefined,
  ) {
    this.close = runtime.onNotification((notification) => {
      const message = readRunMessage(notification);
      if (message?.id !== id || message.kind === 'run') return;
      this.messages.push({ pid: notification.processId, message });
      this.wake();
    });
  }

  /** Whether messages still arrive: the session that has asked is there. */
  async isOpen(): Promise<boolean> {
    return (await this.runtime.server.listener()) === this.listener;
  }

  async nextOffer(deadline: number): Promise<Offer | undefined> {
    for (;;) {
      const found = await this.take(({ message }) => message.kind === 'run-offer', deadline);
      if (found === undefined) return undefined;
      const { pid, message } = found;
      const instance = message.kind === 'run-offer' ? message.instance : '';
      if (await isOfApplication(this.runtime.server, pid)) return { pid, instance };
    }
  }

  /** The next message of the instance that was chosen. */
  async next(from: number, withinMs: number): Promise<RunMessage | undefined> {
    const isMeant = ({ pid, message }: { pid: number; message: RunMessage }): boolean =>
      pid === from && message.kind !== 'run-offer';
    return (await this.take(isMeant, performance.now() + withinMs))?.message;
  }

  private async take(
    isMeant: (received: { pid: number; message: RunMessage }) => boolean,
    deadline: number,
  ): Promise<{ pid: number; message: RunMessage } | undefined> {
    for (;;) {
      const index = this.messages.findIndex(isMeant);
      if (index >= 0) return this.messages.splice(index, 1)[0];
      const remainingMs = deadline - performance.now();
      if (remainingMs <= 0) return undefined;
      const timer = new AbortController();
      const arrived = new Promise<void>((resolve) => (this.wake = resolve));
      const tooLate = sleep(remainingMs, undefined, { signal: timer.signal }).catch(() => undefined);
      await Promise.race([arrived, tooLate]);
      timer.abort();
    }
  }
}
