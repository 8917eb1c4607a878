import type { LockKey, LockRuntime } from '../../core/index.js';
import type { DueTick } from './due-jobs.js';
import { findUnrun, type Unrun, type UnrunParts } from './find-unrun.js';

/**
 * The turn lasts until the ticks are judged. After an instance did not report, it lasts this long: the fleet
 * is asked no more often, by whichever instance. It must be enough to ask.
 */
const TURN = { keepMs: 5_000, isRemembered: false };

/** For how long no other instance judges the same tick. */
const JUDGED = { keepMs: 60_000, isRemembered: false };

export interface TickJudgeParts extends UnrunParts {
  readonly engine: Pick<LockRuntime, 'claims' | 'keys'>;
}

/** What came of a try to judge ticks. Those in neither list are still in doubt. */
export interface Judgement {
  /** They ran nowhere, and it is for this instance to report them. */
  readonly missed: readonly DueTick[];
  /** They ran, were left out on purpose, are for another instance to judge, or cannot be judged here. */
  readonly dismissed: readonly DueTick[];
}

/**
 * Judges ticks that are in doubt, in one instance of the fleet at a time. After an outage all instances doubt
 * the same ticks, and each question to the fleet makes every instance report. So the instance that has the
 * turn claims its ticks, and asks once for all of them. The others find the claims when it is their turn, and
 * do not ask. Turn and claims are locks: they end with an instance that dies, and another one takes over.
 */
export class TickJudge {
  constructor(private readonly parts: TickJudgeParts) {}

  /**
   * Judges the ticks, unless another instance has the turn.
   *
   * @throws the error of the database when it is away: nothing is judged then.
   */
  async judge(ticks: readonly DueTick[]): Promise<Judgement> {
    const { claims } = this.parts.engine;
    const { turn } = this;
    if (!(await claims.make(turn, TURN))) return { missed: [], dismissed: [] };
    let obstacle: Unrun['obstacle'];
    try {
      const { mine, others } = await this.claim(ticks);
      const found = await this.judgeClaimed(mine);
      ({ obstacle } = found);
      return { missed: found.missed, dismissed: [...others, ...found.dismissed] };
    } finally {
      if (obstacle !== 'silence') claims.giveBack(turn);
    }
  }

  /** Claims the ticks, together in one statement. One for which there is no room is in no list. */
  private async claim(
    ticks: readonly DueTick[],
  ): Promise<{ readonly mine: readonly DueTick[]; readonly others: readonly DueTick[] }> {
    const { claims } = this.parts.engine;
    const outcomes = await Promise.allSettled(ticks.map((tick) => claims.make(this.keyOf(tick), JUDGED)));
    const having = (isMine: boolean): DueTick[] =>
      ticks.filter((_, index) => {
        const outcome = outcomes[index];
        return outcome?.status === 'fulfilled' && outcome.value === isMine;
      });
    return { mine: having(true), others: having(false) };
  }

  /** Keeps the claims of those that are judged, and gives the others back. */
  private async judgeClaimed(ticks: readonly DueTick[]): Promise<Judgement & Pick<Unrun, 'obstacle'>> {
    if (ticks.length === 0) return { missed: [], dismissed: [] };
    const { claims } = this.parts.engine;
    let open = ticks;
    try {
      const { unrun, unknown, obstacle } = await findUnrun(this.parts, this.turn, ticks);
      // Another instance may have claimed and reported a tick since the session of this claim ended.
      const missed = unrun.filter((tick) => claims.holds(this.keyOf(tick)));
      open = [...unknown, ...unrun.filter((tick) => !missed.includes(tick))];
      const ran = ticks.filter((tick) => !missed.includes(tick) && !open.includes(tick));
      return { missed, dismissed: obstacle === 'deaf' ? [...ran, ...unknown] : ran, obstacle };
    } finally {
      for (const tick of open) claims.giveBack(this.keyOf(tick));
    }
  }

  private get turn(): LockKey {
    return this.parts.engine.keys.claimKeyOf('missed ticks', 'turn');
  }

  /** Earlier versions claim a tick so when they report it. */
  private keyOf({ job, atMs }: DueTick): LockKey {
    const tick = new Date(atMs).toISOString();
    return this.parts.engine.keys.claimKeyOf(job.lock, `${job.methodName}@${tick}#missed`);
  }
}
