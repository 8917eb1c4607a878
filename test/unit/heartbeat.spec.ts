import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Heartbeat, SilenceError } from '../../lib/core/index.js';

const times = { heartbeatMs: 200, lostAfterMs: 800 };

/** The clock of the test is the only one, so it says what happens when. */
function listen(heartbeatTimes = times) {
  const questions: number[] = [];
  const silences: SilenceError[] = [];
  const start = performance.now();
  const heartbeat = new Heartbeat(
    heartbeatTimes,
    () => questions.push(performance.now() - start),
    (error) => silences.push(error),
  );
  return { heartbeat, questions, silences };
}

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

describe('a heartbeat', () => {
  it('asks once it is quiet, and not before', () => {
    const { heartbeat, questions } = listen();
    jest.advanceTimersByTime(150);
    heartbeat.heard();
    jest.advanceTimersByTime(199);
    expect(questions).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(questions).toEqual([350]);
    heartbeat.heard();
    jest.advanceTimersByTime(200);
    expect(questions).toEqual([350, 550]);
  });

  it('reports once that the server was silent for `lostAfterMs`', () => {
    const { questions, silences } = listen();
    jest.advanceTimersByTime(799);
    expect([questions, silences]).toEqual([[200], []]);
    jest.advanceTimersByTime(10);
    expect(silences).toHaveLength(1);
    expect(silences[0]?.message).toMatch(/^no response for 80\d ms, and `lostAfterMs` is 800$/);
    jest.advanceTimersByTime(5_000);
    expect([questions.length, silences.length]).toEqual([1, 1]);
  });

  it('counts the query of another caller, and takes any response', () => {
    const { heartbeat, questions, silences } = listen();
    jest.advanceTimersByTime(150);
    heartbeat.asked();
    jest.advanceTimersByTime(600);
    expect([questions, silences]).toEqual([[], []]);
    expect(heartbeat.heard()).toBe(true);
    heartbeat.asked();
    jest.advanceTimersByTime(820);
    expect(questions).toEqual([]);
    expect(silences).toHaveLength(1);
  });

  it('dates a response back to its query, as it may have lain unread', () => {
    const { heartbeat, questions } = listen();
    heartbeat.asked();
    jest.advanceTimersByTime(150);
    heartbeat.heard();
    jest.advanceTimersByTime(60);
    expect(questions).toEqual([200]);
  });

  it('dates each of two responses back to its own query', () => {
    const { heartbeat, questions, silences } = listen();
    heartbeat.asked();
    jest.advanceTimersByTime(100);
    heartbeat.askedBehind();
    jest.advanceTimersByTime(50);
    expect(heartbeat.heard()).toBe(true);
    expect(heartbeat.ageMs).toBe(150);
    // The second one has no response yet, so no other query is sent, and its silence counts.
    jest.advanceTimersByTime(640);
    expect([questions, silences]).toEqual([[], []]);
    jest.advanceTimersByTime(120);
    expect(silences).toHaveLength(1);
  });

  it('gives the second query time of its own after a late response to the first', () => {
    const { heartbeat, silences } = listen();
    heartbeat.asked();
    jest.advanceTimersByTime(10);
    heartbeat.askedBehind();
    jest.advanceTimersByTime(780);
    expect(heartbeat.heard()).toBe(true);
    jest.advanceTimersByTime(190);
    expect(silences).toEqual([]);
    jest.advanceTimersByTime(20);
    expect(silences).toHaveLength(1);
  });

  it('goes on once two responses have arrived', () => {
    const { heartbeat, questions } = listen();
    heartbeat.asked();
    jest.advanceTimersByTime(100);
    heartbeat.askedBehind();
    jest.advanceTimersByTime(50);
    heartbeat.heard();
    heartbeat.heard();
    expect(heartbeat.ageMs).toBe(50);
    jest.advanceTimersByTime(160);
    expect(questions).toEqual([300]);
  });

  it('does not judge during an unbounded query, and begins again with its response', () => {
    const { heartbeat, questions, silences } = listen();
    heartbeat.beginUnbounded();
    jest.advanceTimersByTime(60_000);
    expect([questions, silences]).toEqual([[], []]);
    // It does not show that the server is there now.
    expect(heartbeat.endUnbounded()).toBe(false);
    heartbeat.asked();
    jest.advanceTimersByTime(190);
    expect(silences).toEqual([]);
    expect(heartbeat.heard()).toBe(true);
    jest.advanceTimersByTime(600);
    expect([questions.length, silences.length]).toEqual([1, 0]);
    jest.advanceTimersByTime(20);
    expect(silences).toHaveLength(1);
  });

  it('does neither once it is stopped', () => {
    const { heartbeat, questions, silences } = listen();
    heartbeat.stop();
    jest.advanceTimersByTime(60_000);
    expect([questions, silences]).toEqual([[], []]);
  });

  it('never asks when `heartbeatMs` is Infinity', () => {
    const { heartbeat, questions, silences } = listen({ heartbeatMs: Infinity, lostAfterMs: Infinity });
    heartbeat.asked();
    jest.advanceTimersByTime(3_600_000);
    expect([questions, silences]).toEqual([[], []]);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('a heartbeat after a block of the event loop', () => {
  /** Time passes, and no timer runs. */
  const block = (ms: number): void => {
    const now = performance.now.bind(performance);
    jest.spyOn(performance, 'now').mockImplementation(() => now() + ms);
  };

  it('reads a response that has arrived before it judges', () => {
    const { heartbeat, silences } = listen();
    heartbeat.asked();
    block(60_000);
    // The event loop runs the timer, then reads the socket, then runs `setImmediate`.
    jest.advanceTimersToNextTimer();
    expect(heartbeat.heard()).toBe(false);
    jest.advanceTimersByTime(190);
    expect(silences).toEqual([]);
  });

  it('gives a fresh question some time, however long the silence is', () => {
    const { heartbeat, questions, silences } = listen();
    block(60_000);
    jest.advanceTimersToNextTimer();
    expect(questions).toHaveLength(1);
    jest.advanceTimersByTime(190);
    expect(silences).toEqual([]);
    expect(heartbeat.heard()).toBe(true);
    jest.advanceTimersByTime(600);
    expect(silences).toEqual([]);
  });

  it('reports soon that the other side is really gone', () => {
    const { questions, silences } = listen();
    block(60_000);
    jest.advanceTimersToNextTimer();
    jest.advanceTimersByTime(250);
    expect([questions.length, silences.length]).toEqual([1, 1]);
  });
});
