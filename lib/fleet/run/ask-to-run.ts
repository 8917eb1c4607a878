import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LockRuntime } from '../../core/index.js';
import { QUESTIONS, reportChannelOf } from '../channels.js';
import type { FleetMessages, ReceivedMessage } from './fleet-messages.js';
import type { RunEnd, RunMessage } from './run-messages.js';

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

interface Offer extends Pick<RunMessage & { kind: 'run-offer' }, 'offer' | 'instance'> {
  readonly pid: number;
}

/**
 * Asks the fleet to run a job in one instance, and waits for the end of that run. The shared session must
 * receive notifications. Rejects when the database is away before an instance has begun.
 */
export async function askToRun(
  server: LockRuntime['server'],
  messages: FleetMessages,
  request: RunRequest,
): Promise<RunOutcome> {
  const id = randomUUID();
  const listener = await server.listener();
  const inbox = new Inbox(messages, id);
  /** Whether messages still arrive: the session that has asked is there. */
  const isOpen = async (): Promise<boolean> => (await server.listener()) === listener;
  try {
    await messages.send(QUESTIONS, { kind: 'run', id, job: request.job });
    const deadline = performance.now() + request.withinMs;
    for (;;) {
      const chosen = await inbox.nextOffer(deadline);
      if (chosen === undefined) return { end: 'none' };
      const { pid, offer } = chosen;
      const waitMs = Number.isFinite(request.waitMs) ? request.waitMs : null;
      inbox.choose(pid);
      await messages.send(reportChannelOf(pid), { kind: 'run-start', id, offer, waitMs });
      // An instance that is later than this does not begin.
      const first = await inbox.next(BEGIN_WITHIN_MS);
      if (first !== undefined) {
        const lostSide = (): Promise<string | undefined> => findLostSide(messages, pid, isOpen);
        return await outcomeOf(inbox, chosen, first, lostSide);
      }
    }
  } finally {
    inbox.close();
  }
}

async function outcomeOf(
  inbox: Inbox,
  { instance }: Offer,
  first: RunMessage,
  findLostSide: () => Promise<string | undefined>,
): Promise<RunOutcome> {
  let message: RunMessage | undefined = first;
  let lost: string | undefined;
  while (lost === undefined || message !== undefined) {
    if (message?.kind === 'run-end') return { end: message.end, instance, message: message.message ?? '' };
    lost = await findLostSide();
    message = await inbox.next(lost === undefined ? CHECK_MS : 0);
  }
  return { end: 'lost', instance, message: `${lost} is gone, and the end of the run is not known` };
}

/** The side whose connection is gone; `undefined` while both are there. */
async function findLostSide(
  { roles }: FleetMessages,
  pid: number,
  isOpen: () => Promise<boolean>,
): Promise<string | undefined> {
  try {
    if (!(await isOpen())) return 'the lock connection of this process';
    return (await roles.isOfApplication(pid)) ? undefined : 'the lock connection of that instance';
  } catch {
    return 'the lock connection of this process';
  }
}

/**
 * The messages to one request: the first offer of each sender, and what the sender of the chosen one sends
 * after it. So one that floods the channel delays no others. Offers of other roles than that of the
 * application are left out.
 */
class Inbox {
  private readonly offers = new Map<number, Offer>();
  private readonly heardPids = new Set<number>();
  private chosenPid: number | undefined;
  private ofChosen: RunMessage[] = [];
  private wake = (): void => undefined;
  readonly close: () => void;

  constructor(
    private readonly messages: FleetMessages,
    id: string,
  ) {
    this.close = messages.onMessage((received) => {
      if ('id' in received.message && received.message.id === id) this.receive(received.message, received);
    });
  }

  async nextOffer(deadline: number): Promise<Offer | undefined> {
    for (;;) {
      const offer = await this.take(() => this.firstOffer(), deadline);
      if (offer === undefined || (await this.messages.roles.isOfApplication(offer.pid))) return offer;
    }
  }

  /** Receives messages of that instance alone, from now on. */
  choose(pid: number): void {
    this.chosenPid = pid;
    this.ofChosen = [];
  }

  /** The next message of the instance that was chosen. */
  next(withinMs: number): Promise<RunMessage | undefined> {
    return this.take(() => this.ofChosen.shift(), performance.now() + withinMs);
  }

  private receive(message: RunMessage, { senderPid: pid }: ReceivedMessage): void {
    if (message.kind === 'run-offer') {
      if (this.heardPids.has(pid)) return;
      this.heardPids.add(pid);
      this.offers.set(pid, { pid, offer: message.offer, instance: message.instance });
    } else if (pid === this.chosenPid && (message.kind === 'run-begun' || message.kind === 'run-end')) {
      this.ofChosen.push(message);
    }
    this.wake();
  }

  private firstOffer(): Offer | undefined {
    const [offer] = this.offers.values();
    if (offer !== undefined) this.offers.delete(offer.pid);
    return offer;
  }

  private async take<T>(find: () => T | undefined, deadline: number): Promise<T | undefined> {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
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
