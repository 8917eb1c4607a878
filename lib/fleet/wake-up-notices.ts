import { setTimeout as sleep } from 'node:timers/promises';
import type { LockRuntime, Notification, WakeUpPublisher } from '../core/index.js';
import { QUESTIONS } from './channels.js';
import type { DroppedReports } from './dropped-reports.js';
import { notifyStatement } from './notify-statement.js';
import { asciiJson } from './parts.js';
import { SenderLimit } from './sender-limit.js';

/** How many keys one notice lists: the payload of NOTIFY has less than 8,000 bytes. */
const MAX_KEYS = 100;
const MAX_KEY_LENGTH = 30;

/**
 * Between two notices that are sent, and between two times that waits are woken, in milliseconds. What comes
 * meanwhile is gathered: any client of the database may send notices, each of which may cost a statement.
 */
const PAUSE_MS = 10;

/** How many notices of one backend are read in a second; this version sends no more than that. */
const MAX_NOTICES_A_SECOND = 1_000 / PAUSE_MS;

/** It is no question, so versions that do not know it ignore it. */
interface Notice {
  readonly kind: 'wake-ups';
  /** The `id` of each key that the sender waits for. */
  readonly wanted: readonly string[];
  /** The `id` of each key that the sender has given back. */
  readonly freed: readonly string[];
}

/**
 * Reports to the fleet which keys this process waits for without a place in the queue of Postgres, and which
 * of the keys that others have reported it has given back. Nothing is sent otherwise.
 */
export class WakeUpNotices implements WakeUpPublisher {
  private readonly wantedKeys = new Set<string>();
  private readonly freedKeys = new Set<string>();
  private isSending = false;
  private readonly wokenKeys = new Set<string>();
  private isWaking = false;
  private readonly limit = new SenderLimit(MAX_NOTICES_A_SECOND);

  constructor(
    private readonly runtime: Pick<LockRuntime, 'table' | 'server'>,
    private readonly dropped: DroppedReports,
  ) {}

  wanted(keyId: string): void {
    this.wantedKeys.add(keyId);
    void this.send();
  }

  freed(keyId: string): void {
    this.freedKeys.add(keyId);
    void this.send();
  }

  /** Returns whether the notification of another process is a notice. */
  receive({ channel, payload = '', processId }: Notification): boolean {
    if (channel !== QUESTIONS || !payload.includes('"wake-ups"')) return false;
    if (!this.limit.allows(processId)) {
      this.dropped.note(processId, 'a notice about keys');
      return true;
    }
    const notice = readNotice(payload);
    if (notice === undefined) return false;
    for (const keyId of notice.wanted) this.runtime.table.wakeUps.want(keyId);
    for (const keyId of notice.freed) this.wokenKeys.add(keyId);
    void this.wake();
    return true;
  }

  private async wake(): Promise<void> {
    if (this.isWaking) return;
    this.isWaking = true;
    while (this.wokenKeys.size > 0) {
      for (const keyId of this.wokenKeys) this.runtime.table.wakeUps.wake(keyId);
      this.wokenKeys.clear();
      await sleep(PAUSE_MS, undefined, { ref: false });
    }
    this.isWaking = false;
  }

  /** One statement at a time; what comes meanwhile travels in the next. */
  private async send(): Promise<void> {
    if (this.isSending) return;
    this.isSending = true;
    try {
      while (this.wantedKeys.size > 0 || this.freedKeys.size > 0) {
        const notice: Notice = {
          kind: 'wake-ups',
          wanted: takeFrom(this.wantedKeys),
          freed: takeFrom(this.freedKeys),
        };
        await this.runtime.server.query(notifyStatement(QUESTIONS, asciiJson(notice)));
        await sleep(PAUSE_MS, undefined, { ref: false });
      }
    } catch {
      // The waits try again by themselves.
      this.wantedKeys.clear();
      this.freedKeys.clear();
    } finally {
      this.isSending = false;
    }
  }
}

function takeFrom(keys: Set<string>): string[] {
  const taken = [...keys].slice(0, MAX_KEYS);
  for (const key of taken) keys.delete(key);
  return taken;
}

/** `undefined` for anything else: any client of the database may write to the channel. */
function readNotice(payload: string): Notice | undefined {
  try {
    const { kind, wanted, freed } = JSON.parse(payload) as Partial<Notice>;
    return kind === 'wake-ups' && isKeys(wanted) && isKeys(freed) ? { kind, wanted, freed } : undefined;
  } catch {
    return undefined;
  }
}

function isKeys(value: unknown): value is string[] {
  return (
    Array.isArray(value) &&
    value.length <= MAX_KEYS &&
    value.every((key) => typeof key === 'string' && key.length <= MAX_KEY_LENGTH)
  );
}
