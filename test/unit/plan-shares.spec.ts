import { describe, expect, it } from '@jest/globals';
import { planShares, type SharePlan, type ShareView } from '../../lib/shares/plan-shares.js';
import { Random } from '../torture/random.js';

/** A fleet whose instances look and act one at a time, in any order. */
class Fleet {
  members: number[] = [];
  readonly owners = new Map<number, number>();
  private readonly lastOwners = new Map<number, number>();
  readonly moves: { readonly shard: number; readonly from: number | undefined; readonly to: number }[] = [];

  constructor(
    private readonly of: number,
    private readonly random: Random,
  ) {}

  get view(): ShareView {
    return { of: this.of, members: [...this.members], owners: new Map(this.owners) };
  }

  get counts(): number[] {
    return this.members.map((member) => this.ownedBy(member).length);
  }

  /** Each instance sees the fleet as it was at one of the last moments, until none has anything to do. */
  settle(): void {
    let views = [this.view];
    while (this.members.some((member) => !isIdle(planShares(this.view, member)))) {
      const seen = { ...pick(this.random, views), members: this.view.members };
      this.follow(pick(this.random, this.members), seen);
      views = [...views, this.view].slice(-3);
    }
  }

  private follow(member: number, seen: ShareView): void {
    const { take, surplus } = planShares(seen, member);
    const mine = this.ownedBy(member);
    // An instance knows what it has given back since it looked.
    const given = [...seen.owners].filter(
      ([shard, owner]) => owner === member && !mine.includes(shard),
    ).length;
    for (const shard of mine.slice(0, Math.max(0, surplus - given))) this.owners.delete(shard);
    for (const shard of take.filter((free) => !this.owners.has(free))) {
      this.moves.push({ shard, from: this.lastOwners.get(shard), to: member });
      this.owners.set(shard, member);
      this.lastOwners.set(shard, member);
    }
  }

  kill(member: number): void {
    this.members = this.members.filter((each) => each !== member);
    for (const shard of this.ownedBy(member)) this.owners.delete(shard);
  }

  private ownedBy(member: number): number[] {
    return [...this.owners].flatMap(([shard, owner]) => (owner === member ? [shard] : []));
  }
}

const pick = <T>(random: Random, choices: readonly T[]): T => random.pick(choices as [T, ...T[]]);

const isIdle = ({ take, surplus }: SharePlan): boolean => take.length === 0 && surplus === 0;

const isEven = (counts: readonly number[]): boolean => Math.max(...counts) - Math.min(...counts) <= 1;

describe('a plan for shards', () => {
  it('takes all of them alone, and a third of them as the third', () => {
    const all = { of: 6, members: [1], owners: new Map<number, number>() };
    expect(planShares(all, 1)).toEqual({ take: [0, 1, 2, 3, 4, 5], surplus: 0 });
    const owners = new Map([0, 1, 2, 3, 4, 5].map((shard) => [shard, shard % 2]));
    const joined = { of: 6, members: [0, 1, 2], owners };
    expect([0, 1, 2].map((member) => planShares(joined, member))).toEqual([
      { take: [], surplus: 1 },
      { take: [], surplus: 1 },
      { take: [], surplus: 0 },
    ]);
  });

  it('gives nothing back while an instance that leaves still has what is lacking', () => {
    const owners = new Map([9, 9, 1, 1, 2, 2].map((owner, shard) => [shard, owner]));
    const view = { of: 6, members: [1, 2, 3], owners };
    expect([1, 2, 3].map((member) => planShares(view, member).surplus)).toEqual([0, 0, 0]);
  });

  it('gives one shard to each of the first instances when there are fewer shards than instances', () => {
    const view = { of: 2, members: [1, 2, 3], owners: new Map([[0, 2]]) };
    expect([1, 2, 3].map((member) => planShares(view, member))).toEqual([
      { take: [1], surplus: 0 },
      { take: [], surplus: 0 },
      { take: [], surplus: 0 },
    ]);
  });

  it('becomes even after each join and leave, and moves nothing between two that stay', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const random = new Random(seed);
      const of = random.between(1, 71);
      const fleet = new Fleet(of, random);
      let next = 1;
      for (let round = 0; round < 12; round += 1) {
        const stayed = [...fleet.members];
        if (stayed.length > 1 && random.chance(0.5)) fleet.kill(pick(random, stayed));
        else fleet.members = [...stayed, next++];
        const staying = new Set(stayed.filter((member) => fleet.members.includes(member)));
        fleet.moves.length = 0;
        fleet.settle();
        expect({
          seed,
          counts: fleet.counts,
          isEven: isEven(fleet.counts),
          owned: fleet.owners.size,
        }).toEqual(expect.objectContaining({ isEven: true, owned: of }));
        const between = fleet.moves.filter(
          ({ from, to }) => from !== undefined && from !== to && staying.has(from) && staying.has(to),
        );
        expect({ seed, between }).toEqual({ seed, between: [] });
      }
    }
  });
});
