import { describe, expect, it, jest } from '@jest/globals';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isPrintable } from '../../lib/core/index.js';
import { DroppedReports } from '../../lib/fleet/dropped-reports.js';
import { FleetQuery } from '../../lib/fleet/fleet-query.js';
import { FleetSignatures, questionContext, reportContext } from '../../lib/fleet/fleet-signatures.js';
import type { InstanceReport } from '../../lib/fleet/instance-report.js';
import { OpenQuestions } from '../../lib/fleet/open-questions.js';
import { asciiJson, readPart, splitReport } from '../../lib/fleet/parts.js';
import { newQuestion, readQuestion } from '../../lib/fleet/question.js';
import { readReport } from '../../lib/fleet/read-report.js';

const NOW_MS = Date.now();

const report: InstanceReport = {
  instance: 'web-1:4711',
  backends: [7, 8],
  upMs: 1_000,
  locks: [
    { key: '1', name: "l'été 🌍\0", heldMs: 5 },
    { key: '(1, 2)', name: '(1, 2)', waiters: 2, waitedMs: 9 },
  ],
  jobs: [
    {
      name: 'Reports.nightly',
      method: 'Reports.nightly',
      schedule: '0 3 * * *',
      nextAtMs: NOW_MS + 3,
      ticks: [
        { atMs: NOW_MS - 2, outcome: 'skipped', reason: 'held', lateMs: 2 },
        { atMs: NOW_MS - 1, outcome: 'failed', durationMs: 3, error: 'boom' },
      ],
    },
  ],
};

const OWN_ROLE = 10;
const OTHER_ROLE = 11;

const droppedReports = () => {
  const debug = jest.fn<(line: string) => void>();
  return { debug, dropped: new DroppedReports({ debug }) };
};

/** A query of role 10, with sessions of two instances, one of which also runs in another role. */
async function openQuery(isSigned?: (senderPid: number, text: string) => boolean) {
  const { dropped } = droppedReports();
  const query = new FleetQuery('q1', dropped, isSigned);
  const backends = [
    { pid: 7, instance: 'web-1', role: OWN_ROLE },
    { pid: 8, instance: 'web-1', role: OWN_ROLE },
    { pid: 9, instance: 'web-2', role: OWN_ROLE },
    { pid: 20, instance: 'web-1', role: OTHER_ROLE },
  ];
  await query.complete({ backends, ownRole: OWN_ROLE }, () => true, 0);
  const send = (senderPid: number, backends: number[], more: object = {}, questionId = 'q1'): void => {
    const payloads = splitReport(questionId, asciiJson({ ...report, backends, ...more })) ?? [];
    for (const payload of payloads) query.receive(senderPid, payload);
  };
  return { query, send, dropped };
}

describe('a reply', () => {
  it('is written in ASCII, cut into payloads that NOTIFY takes, and read back', async () => {
    const long = { ...report, jobs: [{ name: 'ü'.repeat(4_000), method: 'x', ticks: [] }] };
    for (const [written, count] of [
      [report, 1],
      [long, 4],
    ] as const) {
      const payloads = splitReport('q1', asciiJson(written)) ?? [];
      expect(payloads).toHaveLength(count);
      for (const payload of payloads) expect(payload).toMatch(/^[\0-\x7f]{1,7999}$/);
      const { query, send } = await openQuery();
      send(7, [7, 8], written);
      const jobs = written.jobs.map((job) => ({ ...job, name: job.name.slice(0, 500) }));
      expect(query.reports).toEqual([{ ...written, jobs }]);
    }
  });

  it('is not sent when it is too long', () => {
    expect(splitReport('q1', 'x'.repeat(7_900 * 128))).toHaveLength(128);
    expect(splitReport('q1', 'x'.repeat(7_900 * 128 + 1))).toBeUndefined();
  });

  it.each(['', 'q1', 'q1 0/1', 'q1 1/1 {}', 'q1 0/129 x', 'q1 0/0 x', `${'q'.repeat(41)} 0/1 x`, '0/1 x'])(
    'is not %j',
    (payload) => {
      expect(readPart(payload)).toBeUndefined();
    },
  );

  it.each([
    '',
    'null',
    '[]',
    '{}',
    asciiJson({ ...report, instance: 7 }),
    asciiJson({ ...report, backends: ['7'] }),
    asciiJson({ ...report, backends: Array.from({ length: 1_000 }, (_, pid) => pid) }),
    asciiJson({ ...report, upMs: null }),
    asciiJson({ ...report, locks: {} }),
    asciiJson({ ...report, locks: [{ key: '1' }] }),
    asciiJson({ ...report, locks: [{ key: '1', name: 'a', heldMs: 'long' }] }),
    asciiJson({ ...report, jobs: [{ ...report.jobs[0], ticks: [{ atMs: 1, outcome: '<b>' }] }] }),
    '['.repeat(7_000),
  ])('with the wrong report %# is none', (text) => {
    expect(readReport(text)).toBeUndefined();
  });

  it('may say more than is known here', () => {
    const more = JSON.stringify({ ...report, mood: 'fine', __proto__: null });
    expect(readReport(more)).toEqual({ report, dropped: 0 });
  });

  it('speaks for other sessions of its instance and role only, and for none that has its own', async () => {
    const { query, send } = await openQuery();
    send(9, [9], {}, 'q2');
    expect(query.reports).toEqual([]);
    send(7, [7, 8, 9, 20]);
    expect([7, 8, 9, 20].map((pid) => query.hasReportOn(pid))).toEqual([true, true, false, false]);
    send(9, [8, 9]);
    expect(query.reports.map(({ backends }) => backends)).toEqual([[7, 8], [9]]);
    send(8, [8]);
    expect(query.reports.map(({ backends }) => backends)).toEqual([[7], [9], [8]]);
  });

  it.each([
    ['another role', 20],
    ['no session of this library', 6],
  ])('of %s is unconfirmed, and about itself alone', async (_, pid) => {
    const { query, send } = await openQuery();
    send(pid, [pid, 7, 8, 9]);
    expect(query.reports).toMatchObject([{ backends: [pid], isUnconfirmed: true }]);
    expect([7, 8, 9].some((each) => query.hasReportOn(each))).toBe(false);
  });

  it('that does not name its sender is unconfirmed', async () => {
    const { query, send } = await openQuery();
    send(7, [8]);
    expect(query.reports).toMatchObject([{ backends: [7], isUnconfirmed: true }]);
  });

  it('ends no wait by speaking for others in vain', async () => {
    const query = new FleetQuery('q1', droppedReports().dropped);
    const backends = [
      { pid: 7, instance: 'web-1', role: OWN_ROLE },
      { pid: 20, instance: 'web-1', role: OTHER_ROLE },
    ];
    let isComplete = false;
    const complete = query
      .complete({ backends, ownRole: OWN_ROLE }, () => true, 60_000)
      .then(() => {
        isComplete = true;
      });
    const [lie = ''] = splitReport('q1', asciiJson({ ...report, backends: [20, 7] })) ?? [];
    query.receive(20, lie);
    await Promise.resolve();
    expect(isComplete).toBe(false);
    const [own = ''] = splitReport('q1', asciiJson({ ...report, backends: [7] })) ?? [];
    query.receive(7, own);
    await complete;
    expect(query.reports.map(({ isUnconfirmed }) => isUnconfirmed)).toEqual([true, undefined]);
  });

  it('takes no room of another role, and is read once from each sender', async () => {
    const { query, send, dropped } = await openQuery();
    for (let pid = 100; pid < 400; pid += 1) send(pid, [pid]);
    expect(query.reports).toHaveLength(200);
    expect(dropped.count).toBe(100);
    send(7, [7, 8]);
    send(7, [7, 8]);
    expect(query.reports).toHaveLength(201);
    expect(dropped.count).toBe(101);
  });

  it('is read in linear time, however it is made', () => {
    const tick = { atMs: NOW_MS, outcome: 'ran' };
    const job = { name: 'a', method: 'b', ticks: Array.from({ length: 2_000 }, () => tick) };
    const locks = Array.from({ length: 20_000 }, (_, n) => ({ key: String(n), name: 'x', waiters: 1 }));
    const read = readReport(asciiJson({ ...report, locks, jobs: Array.from({ length: 20 }, () => job) }));
    expect(read?.report.locks).toHaveLength(1_000);
    expect(read?.report.jobs).toEqual([{ name: 'a', method: 'b', ticks: [tick] }]);
    expect(read?.dropped).toBeGreaterThan(20_000);
  });

  it('is kept without the text that its parts were cut from', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const texts = Array.from({ length: 12 }, (_, n) =>
      JSON.stringify({ ...report, instance: `${n} ${'x'.repeat(1_000_000)}` }),
    );
    collect();
    const before = process.memoryUsage().heapUsed;
    const read = texts.map((text) => readReport(text));
    texts.length = 0;
    collect();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(4_000_000);
    expect(read[0]?.report.instance).toHaveLength(500);
  });

  it('is left without what is out of range', () => {
    const changed = (lock: object, tick: object) =>
      readReport(
        asciiJson({
          ...report,
          locks: [{ ...report.locks[0], ...lock }],
          jobs: [{ name: 'a', method: 'b', ticks: [{ atMs: NOW_MS, outcome: 'ran', ...tick }] }],
        }),
        NOW_MS,
      );
    expect(changed({ heldMs: 1e15 }, {})?.report.locks).toEqual([{ key: '1', name: "l'été 🌍\0" }]);
    expect(changed({ heldMs: -1 }, {})?.dropped).toBe(1);
    expect(changed({ key: 'one' }, {})?.report.locks).toEqual([]);
    expect(changed({ waiters: 1e9, holdId: 0 }, {})?.dropped).toBe(2);
    expect(changed({ name: 'x'.repeat(501) }, {})?.report.locks).toMatchObject([{ name: '1' }]);
    for (const atMs of [8.64e15, NOW_MS + 120_000, -1, NOW_MS - 400 * 86_400_000])
      expect(changed({}, { atMs })?.report.jobs[0]?.ticks).toEqual([]);
    expect(changed({}, { durationMs: 1e12 })?.report.jobs[0]?.ticks).toEqual([
      { atMs: NOW_MS, outcome: 'ran' },
    ]);
    expect(changed({}, { durationMs: 1.4 })?.report.jobs[0]?.ticks[0]?.durationMs).toBe(1);
    const error = changed({}, { error: `\u001b[31m\n${'é'.repeat(2_000)}` })?.report.jobs[0]?.ticks[0]?.error;
    expect(error).toHaveLength(500);
    expect(isPrintable(error ?? '')).toBe(true);
  });
});

describe('what is dropped', () => {
  it('is said once, and counted', () => {
    const { debug, dropped } = droppedReports();
    for (let n = 0; n < 3; n += 1) dropped.note(7, 'a question');
    dropped.note(7, 'nothing', 0);
    expect(dropped.count).toBe(3);
    expect(debug).toHaveBeenCalledTimes(1);
  });
});

describe('a signature', () => {
  const [old, young] = ['an old secret', 'a new secret'];
  const json = asciiJson(report);

  it('is a property that versions without it ignore', () => {
    const signed = new FleetSignatures(old).sign('context', json);
    expect(readReport(signed)?.report).toEqual(report);
    const question = newQuestion(['1']);
    expect(readQuestion(new FleetSignatures(old).sign('context', asciiJson(question)))).toEqual(question);
  });

  it('counts for its text, its context and the secrets of the list', () => {
    const signed = new FleetSignatures([old, young]).sign('context', json);
    expect(new FleetSignatures([young, old]).verify('context', signed)).toBe(true);
    expect(new FleetSignatures(young).verify('context', signed)).toBe(false);
    expect(new FleetSignatures(old).verify('another context', signed)).toBe(false);
    expect(new FleetSignatures(old).verify('context', signed.replace('web-1', 'web-2'))).toBe(false);
    for (const text of [json, '', '{"signature":""}', `{"signature":"${'x'.repeat(43)}",}`])
      expect(new FleetSignatures(old).verify('context', text)).toBe(false);
  });

  it('of a question or report counts for one sender', () => {
    const contexts = [
      questionContext(7),
      questionContext(8),
      reportContext('q1', 7, 9),
      reportContext('q1', 8, 9),
      reportContext('q1', 7, 8),
      reportContext('q2', 7, 9),
    ];
    expect(new Set(contexts).size).toBe(contexts.length);
  });

  it('confirms a report of any role, and nothing else does', async () => {
    const { query, send } = await openQuery((senderPid) => senderPid === 20);
    send(7, [7, 8]);
    send(20, [20, 8]);
    expect(query.reports).toMatchObject([{ backends: [7], isUnconfirmed: true }, { backends: [20] }]);
    expect(query.reports[1]).not.toHaveProperty('isUnconfirmed');
  });

  it('needs a secret', () => {
    for (const secret of ['', [], ['a', '']]) {
      expect(() => new FleetSignatures(secret)).toThrow(
        expect.objectContaining({ code: 'LOCK_CONFIGURATION' }),
      );
    }
  });
});

describe('a question', () => {
  it('is read back, and about too many keys is about all', () => {
    const question = newQuestion(['1', '(1, 2)']);
    expect(readQuestion(asciiJson(question))).toEqual(question);
    expect(newQuestion(Array.from({ length: 101 }, String)).keys).toEqual([]);
  });

  it.each([
    '',
    '{',
    '7',
    'null',
    '{"id":"q1"}',
    '{"id":"","keys":[]}',
    '{"id":"a b","keys":[]}',
    '{"id":"q1","keys":[7]}',
    `{"id":"q1","keys":["${'1'.repeat(31)}"]}`,
    asciiJson({ id: 'q1', keys: Array.from({ length: 101 }, String) }),
  ])('is not the text %#', (payload) => {
    expect(readQuestion(payload)).toBeUndefined();
  });

  it('is not taken from one that asks too much at once, and askers take turns', () => {
    const questions = new OpenQuestions();
    const text = (id: string): string => asciiJson({ id, keys: [] });
    for (let n = 0; n < 16; n += 1) expect(questions.add(7, text(`a${n}`))).toBe(true);
    expect(questions.add(7, text('a16'))).toBe(false);
    expect(questions.add(8, text('b'))).toBe(true);
    expect(questions.add(8, text('b'))).toBe(false);
    expect(questions.add(9, 'x'.repeat(4_501))).toBe(false);
    expect(questions.add(9, '{')).toBe(true);
    const order = Array.from({ length: 4 }, () => questions.next(() => true));
    expect(order.map(({ askerPid, question }) => `${askerPid} ${String(question?.id)}`)).toEqual([
      '7 a0',
      '8 b',
      '9 undefined',
      '7 a1',
    ]);
    expect(questions.next(() => false)).toEqual({ askerPid: 7 });
    for (let pid = 100; pid < 355; pid += 1) expect(questions.add(pid, text('c'))).toBe(true);
    expect(questions.add(1_000, text('c'))).toBe(false);
  });
});
