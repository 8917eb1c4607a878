import { describe, expect, it } from '@jest/globals';
import { Turns } from '../../lib/lease/turns.js';

const NEVER_MS = 3_600_000;

describe('turns', () => {
  it('let one call after the other be the first, in the order in which they came', async () => {
    const turns = new Turns();
    const [one, two, three] = [turns.join('a'), turns.join('a'), turns.join('a')];
    expect([one, two, three].map(({ isFirst }) => isFirst)).toEqual([true, false, false]);
    const woken = two.pause(NEVER_MS, []);
    one.leave();
    await woken;
    expect(two.isFirst).toBe(true);
    three.leave();
    two.leave();
    expect(turns.isWaitedFor('a')).toBe(false);
  });

  it('remember to wake a call that does not pause yet', async () => {
    const turns = new Turns();
    const turn = turns.join('a');
    turns.wake('a');
    await turn.pause(NEVER_MS, []);
    turn.leave();
    turns.wake('a');
  });

  it('wake a call whose signal aborts, and leave no listener behind', async () => {
    const turns = new Turns();
    const turn = turns.join('a');
    const controller = new AbortController();
    const pause = turn.pause(NEVER_MS, [controller.signal]);
    controller.abort();
    await pause;
    await turn.pause(NEVER_MS, [controller.signal]);
    turn.leave();
  });
});
