import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import assert from 'node:assert/strict';
import { nameTemplate } from '../../lib/core/index.js';
import { MAX_TEMPLATES, NameTemplates, OTHER_TEMPLATE } from '../../lib/telemetry/name-templates.js';

const isoDate = fc
  .date({ min: new Date('2000-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString());
const hex = (length: number): fc.Arbitrary<string> =>
  fc
    .array(fc.constantFrom(...'0123456789abcdef'.split('')), { minLength: length, maxLength: length })
    .map((c) => c.join(''));

/** The parts that distinguish locks of one kind, in the forms of real names. */
const id = fc.oneof(
  fc.integer().map(String),
  fc.bigInt().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }).map((n) => n.toFixed(2)),
  fc.uuid(),
  fc.uuid().map((uuid) => uuid.toUpperCase()),
  fc.ulid(),
  hex(24),
  hex(32),
  hex(64),
  isoDate,
  isoDate.map((date) => date.slice(0, 10)),
  isoDate.map((date) => date.slice(0, 7)),
  fc.emailAddress({ size: 'small' }).filter((address) => !/[/#|{}]/.test(address)),
  fc.ipV4(),
  fc.constantFrom(
    'user_2NNEqL2nrIRdJ194ndJqAHwEfxC',
    'V1StGXR8_Z5jdHi6B-myT',
    'cus_NffrFeUfNV2Hib',
    '+49 30 1234',
  ),
);

describe('the template of a name', () => {
  it.each([
    ['order:42', 'order:*'],
    ['order:42/item:7', 'order:*/item:*'],
    ['nightly-report', 'nightly-report'],
    ['Reports.nightly', 'Reports.nightly'],
    ['report-2026-05-01', 'report-*'],
    ['report for 2026-05-01T10:00:00.000Z', 'report for *'],
    ['user:jane.doe@example.org:mail', 'user:*:mail'],
    ['tenant/3fa85f64-5717-4562-b3fc-2c963f66afa6/import', 'tenant/*/import'],
    ['deadbeef-cafe-babe-dead-deadbeefcafe', '*'],
    ['file:deadbeefcafe', 'file:*'],
    ['order:-42', 'order:*'],
    ['42', '*'],
    ['7/8', '*'],
    ['bestellung:ä:42', 'bestellung:ä:*'],
    ['order:1, order:2, stock:3', 'order:*, stock:*'],
    ['', ''],
  ])('of %j is %j', (name, template) => {
    expect(nameTemplate(name)).toBe(template);
  });

  it('never has an id in it, and is the same for all of them', () => {
    fc.assert(
      fc.property(id, (value) => {
        assert.equal(nameTemplate(`order:${value}`), 'order:*');
        assert.equal(nameTemplate(`shop/${value}/import`), 'shop/*/import');
      }),
      { numRuns: 2_000 },
    );
  });

  it('never has a digit in it, for any name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (name) => {
        expect(nameTemplate(name)).not.toMatch(/\p{N}/u);
      }),
    );
  });

  it('of a name as long as a file is none, as it would take seconds to make', () => {
    expect(nameTemplate('a-1@'.repeat(20_000))).toBe('*');
    expect(nameTemplate(Array.from({ length: 20_000 }, (_, n) => `order:${n}`).join(', '))).toBe('order:*');
  });
});

describe('the templates of a process', () => {
  it('are never more than the cap, and one for all others', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string(), { maxLength: 300 }),
        fc.integer({ min: 1, max: 20 }),
        (names, cap) => {
          const templates = new NameTemplates(undefined, cap);
          const seen = new Set(names.map((name) => templates.of(name)));
          seen.delete(OTHER_TEMPLATE);
          expect(seen.size).toBeLessThanOrEqual(cap);
        },
      ),
    );
  });

  it('are 200 at most when the names have nothing in common', () => {
    const templates = new NameTemplates();
    const words = Array.from({ length: 5_000 }, (_, n) =>
      n.toString(2).replaceAll('0', 'x').replaceAll('1', 'y'),
    );
    expect(new Set(words.map((word) => templates.of(word))).size).toBe(MAX_TEMPLATES + 1);
    expect(templates.of(words[0] ?? '')).toBe(words[0]);
  });

  it('leave a name from the source code unchanged', () => {
    const templates = new NameTemplates((name) => name === 'import-s3:v2');
    expect(templates.of('import-s3:v2')).toBe('import-s3:v2');
    expect(templates.of('import-s3:v3')).toBe('import-*');
  });
});
