import { createHmac, timingSafeEqual } from 'node:crypto';
import { LockConfigurationError } from '../core/index.js';

/** The signature, in base64url: a property of the JSON object that versions without it ignore. */
const SIGNED = /^\{"signature":"([\w-]{43})",/;

/** Signs JSON texts with a secret that the instances of a fleet share, and checks their signatures. */
export class FleetSignatures {
  private readonly first: string;
  private readonly secrets: readonly string[];

  /** The first secret signs; all of them verify, so that a secret can be replaced in a running fleet. */
  constructor(secret: string | readonly string[]) {
    this.secrets = typeof secret === 'string' ? [secret] : secret;
    const [first] = this.secrets;
    if (first === undefined || this.secrets.includes(''))
      throw new LockConfigurationError('A fleet must have secrets that are not empty, or none.');
    this.first = first;
  }

  /**
   * Adds a signature as the first property of a JSON object that has others. `context` is what the text is
   * for: the same text in another context has another signature, so that no one can send it again.
   */
  sign(context: string, json: string): string {
    const rest = json.slice(1);
    return `{"signature":"${signatureOf(this.first, context, rest).toString('base64url')}",${rest}`;
  }

  /** Whether a text was signed for this context with one of the secrets. */
  verify(context: string, text: string): boolean {
    const [beginning, signature] = SIGNED.exec(text) ?? [];
    if (beginning === undefined || signature === undefined) return false;
    const given = Buffer.from(signature, 'base64url');
    const rest = text.slice(beginning.length);
    return this.secrets.some((secret) => {
      const own = signatureOf(secret, context, rest);
      return given.length === own.length && timingSafeEqual(given, own);
    });
  }
}

/** A question is signed for the backend that sends it, so that no other one can ask it again. */
export function questionContext(askerPid: number): string {
  return `question of ${askerPid}`;
}

/** A report is signed for its question, its sender and the asker. */
export function reportContext(questionId: string, senderPid: number, askerPid: number): string {
  return `report of ${senderPid} on ${questionId} of ${askerPid}`;
}

/** A message is signed for its sender and its channel: one to an instance alone is for that backend. */
export function messageContext(senderPid: number, channel: string): string {
  return `message of ${senderPid} on ${channel}`;
}

function signatureOf(secret: string, context: string, rest: string): Buffer {
  return createHmac('sha256', secret).update(`${context}\0`).update(rest).digest();
}
