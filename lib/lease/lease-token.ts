import { hash, randomFillSync } from 'node:crypto';
import { LockConfigurationError } from '../core/index.js';

/** 128 bits, which are 22 characters. */
const SECRET_BYTES = 16;
/** Made for so many tokens at a time: measured, each call of the system costs a tenth of a lease. */
const secrets = Buffer.alloc(256 * SECRET_BYTES);
let secretsUsed = secrets.length;
const FORM = /^lease1\.([\w-]{22})\.[\w-]{22}$/;

/**
 * A new token of a lease: what it is for, a hash of the name, a secret. The hash lets a token of another name
 * be refused without a query, and shows nothing of the name.
 */
export function createLeaseToken(fullName: string): string {
  return `lease1.${hashName(fullName)}.${createSecret()}`;
}

/** Throws `LOCK_CONFIGURATION` for what is no token, or one of another name. No message has the secret. */
export function checkLeaseToken(token: string, fullName: string, lockName: string): void {
  // Applications in JavaScript may pass anything.
  const given: unknown = token;
  const match = typeof given === 'string' ? FORM.exec(given) : null;
  if (match === null) {
    const received = typeof given === 'string' ? `a string of ${given.length} characters` : typeof given;
    throw new LockConfigurationError(
      `The token of the lease "${lockName}" must be what its \`token\` was, received ${received} of ` +
        'another form. Pass it on unchanged.',
      { lockName },
    );
  }
  if (match[1] === hashName(fullName)) return;
  throw new LockConfigurationError(
    `The token belongs to another lease than "${lockName}". Resume a lease by the name that it was taken ` +
      'with, in a module with the same `namespace`.',
    { lockName },
  );
}

/** What the server stores and compares: neither the table nor the server's log shows what resumes a lease. */
export function hashLeaseToken(token: string): string {
  return hash('sha256', token, 'base64url');
}

function createSecret(): string {
  if (secretsUsed === secrets.length) {
    randomFillSync(secrets);
    secretsUsed = 0;
  }
  const bytes = secrets.subarray(secretsUsed, (secretsUsed += SECRET_BYTES));
  const secret = bytes.toString('base64url');
  bytes.fill(0);
  return secret;
}

function hashName(fullName: string): string {
  return hash('sha256', `nestjs-advisory-lock:lease:${fullName}`, 'base64url').slice(0, 22);
}
