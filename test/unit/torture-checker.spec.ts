import { describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hold } from '../torture/hold.js';
import { Journal, readJournal } from '../torture/journal.js';
import { findOverlaps } from '../torture/overlaps.js';
import { endWithServer, type SessionsEnded } from '../torture/server-freed.js';
import { checkTokens } from '../torture/tokens.js';
import { judge } from '../torture/verdict.js';

/** A history: each hold with what matters of it. */
function hold(startUs: number, endUs: number, more: Partial<Hold> = {}): Hold {
  return {
    name: 'order',
    worker: 1,
    kind: 'exclusive',
    permits: 1,
    way: 'exclusive',
    startUs,
    endUs,
    ending: 'released',
    ...more,
  };
}

const shared = { kind: 'shared' } as const;
const permit = { kind: 'permit', permits: 2 } as const;
const lost = { ending: 'lost' } as const;

describe('the checker', () => {
  describe('of overlaps', () => {
    it.each<[string, Hold[]]>([
      ['two after each other', [hold(0, 10), hold(20, 30)]],
      ['two that touch', [hold(10, 20), hold(0, 10)]],
      ['two of different names', [hold(0, 10), hold(5, 15, { name: 'other' })]],
      ['readers together', [hold(0, 10, shared), hold(5, 15, shared), hold(6, 7, shared)]],
      ['as many permits as there are', [hold(0, 10, permit), hold(5, 15, permit), hold(10, 20, permit)]],
      ['one that was killed before the next', [hold(0, 10, { ending: 'killed' }), hold(10, 20)]],
      ['one that was rolled back', [hold(0, 10, { ending: 'rolled back' }), hold(5, 15)]],
    ])('allows %s', (_, holds) => {
      expect(findOverlaps(holds)).toEqual([]);
    });

    it.each<[string, Hold[]]>([
      ['two exclusive holders', [hold(0, 10), hold(9, 15)]],
      ['one within another', [hold(0, 10), hold(5, 5)]],
      ['two that begin at once', [hold(0, 10), hold(0, 10)]],
      ['a writer among readers', [hold(0, 10, shared), hold(2, 3)]],
      ['a reader during a writer', [hold(0, 10), hold(9, 12, shared)]],
      ['a permit too many', [hold(0, 10, permit), hold(5, 15, permit), hold(9, 20, permit)]],
      ['one that was not killed yet', [hold(0, 10, { ending: 'killed' }), hold(9, 20)]],
      ['one that never ended', [hold(0, Infinity, { ending: 'open' }), hold(1_000, 1_001)]],
    ])('finds %s', (_, holds) => {
      expect(findOverlaps([...holds].reverse())).toEqual([holds]);
    });

    it('finds a long hold behind many short ones', () => {
      const long = hold(0, 1_000, shared);
      const writer = hold(900, 901);
      const readers = Array.from({ length: 50 }, (_, n) => hold(n * 10, n * 10 + 5, shared));
      expect(findOverlaps([long, ...readers, writer])).toEqual([[long, writer]]);
    });

    it('finds each hold that should not have been granted', () => {
      expect(findOverlaps([hold(0, 10), hold(1, 2), hold(3, 4)])).toHaveLength(2);
    });
  });

  describe('of tokens', () => {
    it('compares those of exclusive holders of one name, in the order in which they held it', () => {
      const holds = [
        hold(20, 30, { token: 9n }),
        hold(0, 10, { token: 7n }),
        hold(40, 50),
        hold(60, 70, { token: 10n }),
        hold(80, 90, { token: 1n, name: 'other' }),
        hold(80, 90, { token: 1n, kind: 'shared' }),
      ];
      expect(checkTokens(holds)).toEqual({ checked: 2, violations: [] });
    });

    it.each([7n, 6n])('finds a %s after a 7', (token) => {
      const holds = [hold(0, 10, { token: 7n }), hold(20, 30, { token })];
      expect(checkTokens(holds)).toEqual({ checked: 1, violations: [holds] });
    });

    it('compares with the largest so far', () => {
      const [first, back, again] = [7n, 5n, 6n].map((token, n) => hold(n * 10, n * 10 + 5, { token }));
      expect(checkTokens([first, back, again] as Hold[]).violations).toEqual([
        [first, back],
        [first, again],
      ]);
    });
  });

  describe('of locks that the server freed', () => {
    const terminated = { worker: 1, fromUs: 100, toUs: 120 };

    it('ends the hold with its session, and says how long its holder did not know', () => {
      const known = hold(0, 150, lost);
      expect(endWithServer([known], [terminated], [])).toEqual({
        holds: [{ ...known, endUs: 100 }],
        freed: [{ hold: known, unawareUs: 30 }],
      });
    });

    it.each<[string, Hold]>([
      ['of another worker', hold(0, 150, { ...lost, worker: 2 })],
      ['that was over before', hold(0, 99, lost)],
      ['that began long after', hold(200_000, 200_150, lost)],
      ['that went on and was released', hold(0, 100_121)],
      ['that was killed', hold(0, 150, { ending: 'killed' })],
      ['that is a lease', hold(0, 150, { ...lost, way: 'lease' })],
    ])('leaves a hold alone %s', (_, untouched) => {
      expect(endWithServer([untouched], [terminated], [])).toEqual({ holds: [untouched], freed: [] });
    });

    it('ends a hold whose body was through before its worker could read of the loss', () => {
      const through = hold(0, 900_050);
      const frozen = { worker: 1, fromUs: 50, toUs: 900_000 };
      expect(endWithServer([through], [terminated], [frozen]).holds).toEqual([{ ...through, endUs: 100 }]);
      expect(endWithServer([through], [terminated], []).holds).toEqual([through]);
      const frozenBeforeItRead = { worker: 1, fromUs: 40_000, toUs: 900_000 };
      expect(endWithServer([through], [terminated], [frozenBeforeItRead]).holds[0]?.endUs).toBe(100);
    });

    it('ends a transaction whose process was killed after the server had ended it', () => {
      const killed = hold(0, 500_000_000, { ending: 'killed', way: 'transaction' });
      expect(endWithServer([killed], [terminated], []).holds).toEqual([{ ...killed, endUs: 100 }]);
      const ofASession = { ...killed, way: 'exclusive' };
      expect(endWithServer([ofASession], [terminated], []).holds).toEqual([ofASession]);
    });

    it('takes the end of its own backend for the end, and that of another one for none', () => {
      const ofBackend = (pid: number): SessionsEnded => ({ ...terminated, pid });
      const pooler = { worker: 1, fromUs: 140, toUs: 200, areAll: true };
      const known = hold(0, 150, { ...lost, pid: 7 });
      const endOf = (endings: SessionsEnded[]): number | undefined =>
        endWithServer([known], endings, []).holds[0]?.endUs;
      expect(endOf([ofBackend(7), pooler])).toBe(100);
      // As they are noted, when they are over.
      expect(endOf([{ worker: 1, fromUs: 145, toUs: 150, areAll: true }, pooler])).toBe(140);
      expect(endOf([ofBackend(8), pooler])).toBe(140);
      expect(endOf([ofBackend(8)])).toBe(150);
      const unknown = { ...known, pid: 0 };
      expect(endWithServer([unknown], [ofBackend(8)], []).holds[0]?.endUs).toBe(100);
    });

    it('does not count the time in which nothing reached the holder', () => {
      const blackouts = [
        { worker: 1, fromUs: 0, toUs: 140 },
        { worker: 2, fromUs: 0, toUs: 500 },
      ];
      const { freed } = endWithServer([hold(0, 150, lost)], [terminated], blackouts);
      expect(freed).toMatchObject([{ unawareUs: 10 }]);
    });

    it('counts what overlapping blackouts share once', () => {
      const blackouts = [
        { worker: 1, fromUs: 0, toUs: 130 },
        { worker: 1, fromUs: 100, toUs: 140 },
      ];
      expect(endWithServer([hold(0, 150, lost)], [terminated], blackouts).freed).toMatchObject([
        { unawareUs: 10 },
      ]);
    });

    it('counts a lock as freed whose grant was read only after a blackout', () => {
      const late = hold(900_000, 900_100, lost);
      const blackout = { worker: 1, fromUs: 0, toUs: 850_000 };
      const { holds, freed } = endWithServer([late], [terminated], [blackout]);
      expect(holds).toEqual([]);
      expect(freed).toMatchObject([{ hold: late }]);
    });
  });

  describe('of locks with a token', () => {
    const restarted = { worker: 1, fromUs: 100, toUs: 120 };
    const restartedAgain = { worker: 1, fromUs: 4_000_000, toUs: 4_000_100 };

    it('knows that a session which made a token after an end was not the one that ended', () => {
      const inSilence = hold(130, 3_000_000, { ...lost, token: 7n });
      expect(endWithServer([inSilence], [restarted], [])).toEqual({ holds: [inSilence], freed: [] });
    });

    it('blames an end after that, even where a blackout made the first one hard to read', () => {
      const known = hold(130, 4_000_200, { ...lost, token: 7n });
      const blackout = { worker: 1, fromUs: 90, toUs: 125 };
      expect(endWithServer([known], [restarted, restartedAgain], [blackout])).toEqual({
        holds: [{ ...known, endUs: 4_000_000 }],
        freed: [{ hold: known, unawareUs: 100 }],
      });
    });

    it('knows that a session which was lost in silence had outlived earlier ends', () => {
      const reason = 'no response for 1200 ms';
      const inSilence = hold(0, 3_000_000, { ...lost, reason });
      expect(endWithServer([inSilence], [restarted], []).freed).toEqual([]);
      const endedInSilence = { worker: 1, fromUs: 1_900_000, toUs: 1_900_100 };
      expect(endWithServer([inSilence], [endedInSilence], []).freed).toHaveLength(1);
      const noticedAfterTheBody = { ...inSilence, noticedUs: 3_200_000 };
      expect(endWithServer([noticedAfterTheBody], [endedInSilence], []).freed).toEqual([]);
    });

    it('still finds a holder that is notified too late', () => {
      const duringTheEnd = hold(110, 2_000_000, { ...lost, token: 7n });
      const { noticedLate } = judge([duringTheEnd], { endings: [restarted], blackouts: [] });
      expect(noticedLate).toHaveLength(1);
    });
  });

  describe('of journals', () => {
    it('reads how each hold ended, also that a lock was lost after its body, or its worker killed', () => {
      const folder = mkdtempSync(join(tmpdir(), 'torture-checker-'));
      try {
        const path = join(folder, 'journal');
        let nowUs = 0;
        const journal = new Journal(path, () => (nowUs += 10));
        const start = (name: string): number =>
          journal.start({ names: [name], kind: 'exclusive', permits: 1, way: 'exclusive', pids: [9] });
        const [released, lostAfterwards] = [start('released'), start('lost afterwards')];
        start('killed');
        journal.end(released, { ending: 'released', token: '7' });
        journal.end(lostAfterwards, { ending: 'released' });
        journal.lostAfterEnd(lostAfterwards, 'the server is gone');
        journal.close();

        expect(readJournal(path, 1, 900)).toMatchObject([
          { name: 'released', startUs: 10, endUs: 40, ending: 'released', token: 7n, pid: 9 },
          {
            name: 'lost afterwards',
            startUs: 20,
            endUs: 50,
            ending: 'lost',
            noticedUs: 60,
            reason: 'the server is gone',
          },
          { name: 'killed', startUs: 30, endUs: 900, ending: 'killed' },
        ]);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });

  describe('in its verdict', () => {
    const next = hold(110, 130, { worker: 2 });

    it('forgives an overlap after the session had been ended from outside, and counts it', () => {
      const endings = [{ worker: 1, fromUs: 100, toUs: 120 }];
      const verdict = judge([hold(0, 150, lost), next], { endings, blackouts: [] });
      expect(verdict).toMatchObject({ overlaps: [], freedOverlaps: 1, noticedLate: [] });
    });

    it('takes the first crash of the server for the end, also of a session that fell silent in it', () => {
      const crash = { worker: 1, fromUs: 2_000_000, toUs: 2_000_100, areAll: true };
      const crashAgain = { worker: 1, fromUs: 2_900_000, toUs: 2_900_100, areAll: true };
      const silenced = { worker: 1, fromUs: 2_200_000, toUs: 4_000_000 };
      const holds = [
        hold(0, 2_900_050, { ...lost, reason: 'no response for 1200 ms' }),
        hold(2_800_000, 2_900_000, { worker: 2, ending: 'released' }),
      ];
      const circumstances = { endings: [crash, crashAgain], blackouts: [silenced] };
      expect(judge(holds, circumstances)).toMatchObject({
        overlaps: [],
        freedOverlaps: 1,
        freed: [{ unawareUs: 199_900 }],
      });
      const wasHeardSince = { ...holds[0], reason: 'no response for 800 ms' } as Hold;
      expect(judge([wasHeardSince, ...holds.slice(1)], circumstances).overlaps).toHaveLength(1);
      const ofSome = [crash, crashAgain].map((ending) => ({ ...ending, areAll: false }));
      expect(judge(holds, { ...circumstances, endings: ofSome }).overlaps).toHaveLength(1);
    });

    it('does not forgive a holder that is notified too late', () => {
      const endings = [{ worker: 1, fromUs: 100, toUs: 120 }];
      const verdict = judge([hold(0, 2_000_000, lost), next], { endings, blackouts: [] });
      expect(verdict.noticedLate).toHaveLength(1);
    });

    it('does not forgive an overlap with a holder that lost its lock in silence', () => {
      const blackouts = [{ worker: 1, fromUs: 50, toUs: 500 }];
      const holds = [hold(0, 150, lost), next];
      expect(judge(holds, { endings: [], blackouts })).toMatchObject({ overlaps: [holds], freedOverlaps: 0 });
    });
  });
});
