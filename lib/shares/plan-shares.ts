/** Which instances take part, and which shards they own, as one look at the server has found it. */
export interface ShareView {
  /** How many shards there are, numbered from 0. */
  readonly of: number;
  /** The backends of the instances that take part, in ascending order: the same order for each of them. */
  readonly members: readonly number[];
  /** The backend that owns a shard. One that is no member is leaving, and gives its shards back. */
  readonly owners: ReadonlyMap<number, number>;
}

/** What one instance does about what it has seen. */
export interface SharePlan {
  /** The shards to take. Each free shard is for one instance. */
  readonly take: readonly number[];
  /** How many of its shards it gives back. */
  readonly surplus: number;
}

/**
 * The way of one instance to an even share. Each makes its own plan from what it sees, by the same rules, so
 * that the plans of all fit together; where two look at different moments, the lock of a shard decides.
 *
 * No instance gives back more than the even share requires, and those that stay only give when another one
 * lacks shards: nothing moves between two that stay.
 */
export function planShares({ of, members, owners }: ShareView, self: number): SharePlan {
  const free = [...Array(of).keys()].filter((shard) => !owners.has(shard));
  const counts = new Map(members.map((member) => [member, 0]));
  for (const owner of owners.values()) {
    const count = counts.get(owner);
    if (count !== undefined) counts.set(owner, count + 1);
  }
  const floor = Math.floor(of / members.length);
  const withOneMore = of % members.length;
  const most = floor + Math.sign(withOneMore);
  const sum = (each: (count: number) => number): number =>
    [...counts.values()].reduce((total, count) => total + Math.max(0, each(count)), 0);

  const lacking = sum((count) => floor - count);
  const owned = sum((count) => count);
  const coming = of - owned + sum((count) => count - most);
  // Those with one more than others give it back only where a member would go without otherwise.
  let missing = lacking - coming;
  let surplus = 0;
  for (const member of members) {
    const count = counts.get(member) ?? 0;
    const gives = Math.max(0, count - most) + (missing > 0 && Math.min(count, most) > floor ? 1 : 0);
    if (gives > Math.max(0, count - most)) missing -= 1;
    if (member === self) surplus = gives;
  }

  const take: number[] = [];
  const give = (member: number, count: number): void => {
    const shards = free.splice(0, Math.max(0, count));
    counts.set(member, (counts.get(member) ?? 0) + shards.length);
    if (member === self) take.push(...shards);
  };
  for (const member of members) give(member, floor - (counts.get(member) ?? 0));
  let oneMore = withOneMore - [...counts.values()].filter((count) => count > floor).length;
  for (const member of members) {
    if (oneMore <= 0 || counts.get(member) !== floor) continue;
    give(member, 1);
    oneMore -= 1;
  }
  return { take, surplus };
}
