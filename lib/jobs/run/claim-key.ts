import type { LockKey, LockName, LockRuntime } from '../../core/index.js';

/**
 * The key of the claim on a tick. Jobs that share a lock have ticks of their own: by the name of the method,
 * as each build may rename the class.
 */
export function claimKeyOfTick(
  { keys }: Pick<LockRuntime, 'keys'>,
  name: LockName,
  methodName: string,
  atMs: number,
): LockKey {
  return keys.claimKeyOf(name, `${methodName}@${new Date(atMs).toISOString()}`);
}
