import type { InspectedBackend, InspectedLock, WaitEdge, WaitGraph } from './inspected-lock.js';

/** Derives which backend waits for which from a list of locks. */
export function waitGraphOf(locks: readonly InspectedLock[]): WaitGraph {
  const backends = new Map<number, InspectedBackend>();
  const holders = new Set<string>();
  const edges: WaitEdge[] = [];
  for (const { backend, isGranted, key } of locks) {
    if (backend !== undefined) backends.set(backend.pid, backend);
    if (isGranted) holders.add(`${backend?.pid ?? 0} ${key.id}`);
  }
  for (const { backend, blockedBy, key, name } of locks) {
    if (backend === undefined) continue;
    for (const blocker of blockedBy) {
      const because = holders.has(`${blocker} ${key.id}`) ? 'holds' : 'queues';
      edges.push({ waiter: backend.pid, blocker, key, ...(name !== undefined && { name }), because });
    }
  }
  return { locks, backends: [...backends.values()], edges };
}
