import { describe, expect, it } from '@jest/globals';
import type { InstanceReport } from '../../lib/fleet/instance-report.js';
import { asciiJson, readPart, splitReport } from '../../lib/fleet/parts.js';
import { newQuestion, readQuestion } from '../../lib/fleet/question.js';
import { readReport } from '../../lib/fleet/read-report.js';
import { FleetQuery } from '../../lib/fleet/fleet-query.js';

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
      ticks: [
        { atMs: 1, outcome: 'skipped', reason: 'held', lateMs: 2 },
        { atMs: 2, outcome: 'failed', durationMs: 3, error: 'boom' },
      ],
    },
  ],
};

describe('a reply', () => {
  it('is written in ASCII, cut into payloads that NOTIFY takes, and read back', () => {
    const long = { ...report, jobs: [{ name: 'ü'.repeat(4_000), method: 'x', ticks: [] }] };
    for (const [written, count] of [
      [report, 1],
      [long, 4],
    ] as const) {
      const payloads = splitReport('q1', asciiJson(written)) ?? [];
      expect(payloads).toHaveLength(count);
      const call = new FleetQuery('q1');
      for (const payload of payloads) {
        expect(payload).toMatch(/^[\0-\x7f]{1,7999}$/);
        call.receive(7, payload);
      }
      const jobs = written.jobs.map((job) => ({ ...job, name: job.name.slice(0, 2_000) }));
      expect(call.reports).toEqual([{ ...written, jobs }]);
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
    expect(readReport(JSON.stringify({ ...report, mood: 'fine', __proto__: null }))).toEqual(report);
  });

  it('reports other backends of the same instance only, and none that reports itself', async () => {
    const call = new FleetQuery('q1');
    const members = [
      { pid: 7, instance: 'web-1' },
      { pid: 8, instance: 'web-1' },
      { pid: 9, instance: 'web-2' },
    ];
    await call.complete(members, () => true, 0);
    const reply = (senderPid: number, backends: number[], questionId = 'q1'): void => {
      const [payload = ''] = splitReport(questionId, asciiJson({ ...report, backends })) ?? [];
      call.receive(senderPid, payload);
    };
    reply(9, [9], 'q2');
    expect(call.reports).toEqual([]);
    reply(7, [7, 8, 9]);
    expect([7, 8, 9].map((pid) => call.hasReportOn(pid))).toEqual([true, true, false]);
    reply(6, [6, 7, 8, 9]);
    expect(call.hasReportOn(9)).toBe(false);
    reply(9, [8, 9]);
    expect(call.reports.map(({ backends }) => backends)).toEqual([[7, 8], [6], [9]]);
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
});
