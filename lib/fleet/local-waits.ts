import { randomUUID } from 'node:crypto';
import { type BlockedCall, describePlace, type LockKey, type LockRuntime } from '../core/index.js';
import type { ReportedWait } from './instance-report.js';

/** How many waits are reported at most, the longest ones. */
const MAX_WAITS = 200;

const MAX_TEXT_LENGTH = 300;

const PROCESS_ID = randomUUID();
const ids = new WeakMap<BlockedCall, string>();
let lastId = 0;

/** Identifies a wait, in the whole fleet. */
export function waitIdOf(call: BlockedCall): string {
  const id = ids.get(call) ?? `${PROCESS_ID}-${(lastId += 1)}`;
  ids.set(call, id);
  return id;
}

/** The calls of this process that wait for one lock and keep others meanwhile. */
export function localWaits(
  { blockedCalls }: Pick<LockRuntime['table'], 'blockedCalls'>,
  nameOf: (key: LockKey) => string,
): ReportedWait[] {
  return [...blockedCalls.all].slice(0, MAX_WAITS).flatMap((call) => {
    const [key] = call.keys;
    const inside = call.inside.filter(({ isOver }) => !isOver);
    if (key === undefined || inside.length === 0) return [];
    return {
      id: waitIdOf(call),
      keys: call.keys.map(({ id }) => id),
      name: nameOf(key).slice(0, MAX_TEXT_LENGTH),
      ...(call.mode === 'shared' && { isShared: true }),
      inside: inside.map((hold) => ({
        key: hold.key.id,
        name: nameOf(hold.key).slice(0, MAX_TEXT_LENGTH),
        ...(hold.mode === 'shared' && { isShared: true }),
      })),
      ...(call.place !== undefined && { requestedBy: describePlace(call.place).slice(0, MAX_TEXT_LENGTH) }),
    };
  });
}
