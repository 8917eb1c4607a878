import { type LockRuntime, NOTIFY_SETTINGS, type Notification, type WakeUpPublisher } from '../core/index.js';
import { QUESTIONS } from './channels.js';
import { asciiJson } from './parts.js';

/** How many keys one notice lists: the payload of NOTIFY has less than 8,000 bytes. */
const MAX_KEYS = 100;
const MAX_KEY_LENGTH = 30;

const NOTIFY = `SELECT pg_catalog.pg_notify($1::pg_catalog.text, $2::pg_catalog.text)::pg_catalog.text
FROM ${NOTIFY_SETTINGS}`;

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

  constructor(private readonly runtime: Pick<LockRuntime, 'table' | 'server'>) {}

  wanted(keyId: string): void {
    this.wantedKeys.add(keyId);
    void this.send();
  }

  freed(keyId: string): void {
    this.freedKeys.add(keyId);
    void this.send();
  }

  /** Returns whether the notification of another process is a notice. */
  receive({ channel, payload = '' }: Notification): boolean {
    const notice = channel === QUESTIONS ? readNotice(payload) : undefined;
    if (notice === undefined) return false;
    const { wakeUps } = this.runtime.table;
    for (const keyId of notice.wanted) wakeUps.want(keyId);
    for (const keyId of notice.freed) wakeUps.wake(keyId);
    return true;
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
        await this.runtime.server.query({ text: NOTIFY, values: [QUESTIONS, asciiJson(notice)] });
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
  if (!payload.includes('"wake-ups"')) return undefined;
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
