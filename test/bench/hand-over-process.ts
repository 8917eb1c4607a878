import { once } from 'node:events';
import type { OpenContender } from './contender.js';

/** One process of a measurement of hand-overs: it takes and gives back what it is asked to. */
export type HandOverOrder = { readonly take: string } | { readonly giveBack: string };

/** When a lock was granted or given back, in milliseconds by the clock that all processes share. */
export interface HandOverReply {
  readonly name: string;
  readonly isHeld: boolean;
  readonly atMs: number;
}

export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

const [, , url] = process.argv;
if (url !== undefined && process.send !== undefined) await serve(url);

async function serve(serverUrl: string): Promise<void> {
  const { open } = (await import('./contenders/nestjs-advisory-lock.js')) as { open: OpenContender };
  const contender = await open(serverUrl);
  const held = new Map<string, () => void>();
  // At the end the other side closes the channel.
  const reply = (message: HandOverReply): void => {
    if (process.connected) process.send?.(message);
  };
  process.on('message', (order: HandOverOrder) => {
    if ('giveBack' in order) {
      held.get(order.giveBack)?.();
      return;
    }
    void contender.waitWithLock?.(order.take, async () => {
      reply({ name: order.take, isHeld: true, atMs: nowMs() });
      await new Promise<void>((resolve) => held.set(order.take, resolve));
      reply({ name: order.take, isHeld: false, atMs: nowMs() });
    });
  });
  process.send?.('ready');
  await once(process, 'disconnect');
  for (const release of held.values()) release();
  await contender.close();
}
