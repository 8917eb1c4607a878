import type { AdvisoryLock, LockKey, LockRuntime } from '../core/index.js';
import { inspectLocks } from '../inspection/inspect-locks.js';
import type { ShareView } from './plan-shares.js';
import { checkShareName } from './shares.options.js';

/** Keys of 64 bits that are known without the server, whatever the scheme of the module. */
const SCHEME = { keyScheme: 'sha256' } as const;

/** What one look at the server has found. */
export interface FoundShares extends ShareView {
  /** The backend of this instance; `undefined` when it does not take part. */
  readonly self: number | undefined;
  /** How many instances divide the same name by another number. */
  readonly strangers: number;
}

/**
 * The locks of one group of shards.
 *
 * - An instance holds `shares:NAME` (shared) while it may own shards, whatever their number.
 * - It holds `shares-of-64:NAME` (shared) while it wants shards.
 * - It holds `share:17/64:NAME` while it owns shard 17.
 *
 * All of them belong to its shared session, so that it loses all of them at once.
 */
export class ShareLocks {
  private readonly shards: readonly LockKey[];
  private readonly presence: LockKey;
  private readonly membership: LockKey;

  constructor(
    private readonly runtime: Pick<LockRuntime, 'keys' | 'locks' | 'server' | 'backendPids'>,
    name: string,
    private readonly of: number,
  ) {
    checkShareName(name);
    const keyOf = (text: string): LockKey => runtime.keys.keyOf(text, SCHEME.keyScheme);
    this.presence = keyOf(`shares:${name}`);
    this.membership = keyOf(`shares-of-${of}:${name}`);
    this.shards = Array.from({ length: of }, (_, shard) => keyOf(`share:${shard}/${of}:${name}`));
  }

  takePresence(): Promise<AdvisoryLock | undefined> {
    return this.runtime.locks.tryAcquire(this.presence.name, { ...SCHEME, mode: 'shared' });
  }

  takeMembership(): Promise<AdvisoryLock | undefined> {
    return this.runtime.locks.tryAcquire(this.membership.name, { ...SCHEME, mode: 'shared' });
  }

  async takeShard(shard: number): Promise<AdvisoryLock | undefined> {
    const key = this.shards[shard];
    return key && this.runtime.locks.tryAcquire(key.name, SCHEME);
  }

  /** One statement, which sees the locks of all instances at one moment. */
  async look(): Promise<FoundShares> {
    const { locks } = await inspectLocks((statement) => this.runtime.server.query(statement), {
      keys: [this.presence, this.membership, ...this.shards],
    });
    const shardOf = new Map(this.shards.map(({ id }, shard) => [id, shard]));
    const [present, members, owners] = [new Set<number>(), new Set<number>(), new Map<number, number>()];
    for (const { key, isGranted, backend } of locks) {
      // A lock of a prepared transaction has no backend; it is no lock of this library.
      const pid = backend?.pid ?? 0;
      const shard = shardOf.get(key.id);
      if (!isGranted) continue;
      if (shard !== undefined) owners.set(shard, pid);
      else if (key.id === this.presence.id) present.add(pid);
      else members.add(pid);
    }
    const known = new Set([...members, ...owners.values()]);
    return {
      of: this.of,
      members: [...members].sort((one, other) => one - other),
      owners,
      self: this.runtime.backendPids.find((pid) => present.has(pid) && members.has(pid)),
      strangers: [...present].filter((pid) => !known.has(pid)).length,
    };
  }
}
