import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { BadRequestException, ForbiddenException } from '@nestjs/common';
import fc from 'fast-check';
import { readDurationMs } from '../../lib/cli/duration.js';
import { readKeyOptions, readName } from '../../lib/cli/key-arguments.js';
import { keySql } from '../../lib/cli/key-sql.js';
import { lockOptions, readLock } from '../../lib/cli/lock-arguments.js';
import { readArguments, UsageError } from '../../lib/cli/usage.error.js';
import { runCli } from '../../lib/cli/cli.js';
import { shellWord } from '../../lib/cli/words.js';
import {
  describe as describeValue,
  isPrintable,
  KeyRegistry,
  LockConfigurationError,
  type LockName,
  parseAddress,
  printable,
  printableJson,
} from '../../lib/core/index.js';
import { DroppedReports } from '../../lib/fleet/dropped-reports.js';
import { FleetQuery } from '../../lib/fleet/fleet-query.js';
import { FleetSignatures } from '../../lib/fleet/fleet-signatures.js';
import { OpenQuestions } from '../../lib/fleet/open-questions.js';
import { asciiJson, readPart } from '../../lib/fleet/parts.js';
import { readQuestion } from '../../lib/fleet/question.js';
import { readReport } from '../../lib/fleet/read-report.js';
import { FleetMessages } from '../../lib/fleet/run/fleet-messages.js';
import { allowedHostsOf, refuseOtherOrigins } from '../../lib/dashboard/server/request-origin.js';
import { controlRequestOf, pauseRequestOf } from '../../lib/dashboard/server/control-request.js';
import { jobQueryOf } from '../../lib/dashboard/server/job-query.js';
import { snapshotQueryOf } from '../../lib/dashboard/server/snapshot-query.js';
import { terminateRequestOf } from '../../lib/dashboard/server/terminate-request.js';

/** All of Unicode, lone surrogates and control characters included. */
const text = fc.string({ unit: 'binary' });
/** What JSON, a query or a careless caller may bring: objects without a prototype or with odd keys, too. */
const anything = fc.anything({
  withNullPrototype: true,
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withSparseArray: true,
  key: fc.oneof(fc.string(), fc.constantFrom('constructor', '__proto__', 'toString', 'then', 'length')),
});

/** Runs it, and refuses every error but those of the classes. */
function onlyThrows(act: () => unknown, ...kinds: (abstract new (...args: never[]) => unknown)[]): void {
  try {
    act();
  } catch (error) {
    if (!kinds.some((kind) => error instanceof kind)) throw error;
    // What the command line prints of an error is made safe where it is printed.
    if (!(error instanceof UsageError)) assert.ok(isPrintable((error as Error).message));
  }
}

/**
 * Runs the property; a failure names the seed that repeats it. What it asserts it asserts with `assert`:
 * `expect` makes an error each time, which takes longer than most of what is looked at here.
 */
function holds<Ts>(property: fc.IPropertyWithHooks<Ts>): void {
  fc.assert(property, { numRuns: 300 });
}

describe('whatever comes from outside', () => {
  const terminateBody = fc.record(
    {
      key: fc.oneof(
        anything,
        fc.record({ id: text, classid: fc.nat(), objid: fc.nat(), objsubid: fc.nat(3) }),
      ),
      pid: fc.oneof(fc.nat(), anything),
      backendId: fc.oneof(fc.constant('1@1'), anything),
      reason: fc.oneof(text, anything),
      holdId: fc.oneof(fc.nat(), anything),
    },
    { requiredKeys: [] },
  );

  it('a body to terminate is read, or is a 400', () => {
    holds(
      fc.property(fc.oneof(anything, terminateBody), text, (body, type) => {
        for (const contentType of ['application/json', type])
          onlyThrows(
            () => terminateRequestOf({ headers: { 'content-type': contentType }, body }),
            BadRequestException,
          );
      }),
    );
  });

  it('a body that is read is one line about one backend', () => {
    const backend = { key: { id: '1', classid: 0, objid: 1, objsubid: 1 }, pid: 1, backendId: '1@1' };
    holds(
      fc.property(text, (reason) => {
        const body = { ...backend, reason };
        const headers = { 'content-type': 'application/json' };
        onlyThrows(() => {
          assert.ok(isPrintable(terminateRequestOf({ headers, body }).reason));
        }, BadRequestException);
      }),
    );
  });

  it('a body about a job is read, or is a 400', () => {
    const asked = fc.record(
      { job: fc.oneof(text, anything), reason: fc.oneof(text, anything), until: fc.oneof(text, anything) },
      { requiredKeys: [] },
    );
    const headers = { 'content-type': 'application/json' };
    holds(
      fc.property(fc.oneof(anything, asked), (body) => {
        onlyThrows(() => {
          assert.ok(isPrintable(pauseRequestOf({ headers, body }).reason));
        }, BadRequestException);
        onlyThrows(() => {
          assert.ok(isPrintable(controlRequestOf({ headers, body }).reason));
        }, BadRequestException);
      }),
    );
  });

  it('the headers of a request are accepted, or are a 403', () => {
    const header = fc.option(fc.oneof(text, fc.webUrl(), fc.domain(), fc.ipV6()), { nil: undefined });
    const isAllowed = allowedHostsOf({ public: true });
    holds(
      fc.property(header, header, header, (host, origin, site) => {
        const headers = { 'x-requested-with': 'nestjs-advisory-lock', host, origin, 'sec-fetch-site': site };
        onlyThrows(() => {
          refuseOtherOrigins({ headers }, isAllowed);
        }, ForbiddenException);
      }),
    );
    holds(
      fc.property(fc.domain(), (domain) => {
        assert.ok(!isAllowed(domain));
      }),
    );
  });

  it('the query of the dashboard is read, or is a 400', () => {
    const query = fc.record({ search: fc.oneof(text, anything), limit: fc.oneof(text, anything) });
    holds(
      fc.property(fc.oneof(anything, query), (given) => {
        onlyThrows(() => snapshotQueryOf(given), BadRequestException);
        onlyThrows(() => jobQueryOf(given), BadRequestException);
      }),
    );
  });

  it('an address is parsed, or refused without any of its password', () => {
    const password = 'Zq7Zq7';
    holds(
      fc.property(text, text, (before, after) => {
        for (const address of [before, `postgres://u:${before}${password}${after}@h/db`])
          onlyThrows(() => {
            try {
              parseAddress(address);
            } catch (error) {
              assert.ok(!(error as Error).message.includes(password));
              throw error;
            }
          }, LockConfigurationError);
      }),
    );
  });

  it('a name or key becomes one key, or is LOCK_CONFIGURATION', () => {
    holds(
      fc.property(fc.oneof(text, anything), (name) => {
        // A registry of its own: names are remembered.
        onlyThrows(() => new KeyRegistry().keyOf(name as LockName), LockConfigurationError);
        onlyThrows(() => new KeyRegistry().permitKeysOf(name as LockName, 3), LockConfigurationError);
      }),
    );
  });

  it('what a key function returns is a key, or is LOCK_CONFIGURATION', () => {
    holds(
      fc.property(anything, (key) => {
        const registry = new KeyRegistry({ keyScheme: () => key as bigint });
        onlyThrows(() => registry.keyOf('x'), LockConfigurationError);
      }),
    );
  });

  it('a value is described in one printable line', () => {
    holds(
      fc.property(anything, (value) => {
        assert.ok(isPrintable(describeValue(value)));
      }),
    );
  });

  it('a text is printable, and JSON keeps its value', () => {
    holds(
      fc.property(text, (each) => {
        assert.ok(isPrintable(printable(each)));
        const json = printableJson(JSON.stringify(each));
        assert.ok(isPrintable(json));
        assert.equal(JSON.parse(json), each);
        assert.ok(isPrintable(shellWord(each)));
      }),
    );
  });
});

describe('whatever arrives on the channels of the fleet', () => {
  const json = fc.oneof(fc.json(), text);
  const number = fc.oneof(
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(8.64e15, -1, 1e300, Date.now()),
  );
  const lock = fc.record(
    { key: fc.bigInt().map(String), name: text, heldMs: number, holdId: number, waiters: number },
    { requiredKeys: ['key', 'name'] },
  );
  const tick = fc.record(
    { atMs: number, outcome: fc.constantFrom('ran', 'failed'), lateMs: number, error: text, reason: text },
    { requiredKeys: ['atMs', 'outcome'] },
  );
  const job = fc.record({ name: text, method: text, ticks: fc.array(tick) });
  /** Any value takes the place of each part now and then. */
  const odd = <T>(value: fc.Arbitrary<T>) => fc.oneof({ weight: 30, arbitrary: value }, fc.jsonValue());
  const report = fc.record({
    instance: odd(text),
    backends: odd(fc.array(fc.integer({ min: 1, max: 100_000 }))),
    upMs: odd(fc.nat()),
    locks: odd(fc.array(odd(lock))),
    jobs: odd(fc.array(odd(job))),
  });

  it('a report is read within its limits, or is none', () => {
    let read = 0;
    holds(
      fc.property(fc.oneof(report.map(asciiJson), json), (sent) => {
        const { report: found } = readReport(sent) ?? {};
        if (found === undefined) return;
        read += 1;
        assert.ok(isPrintable(found.instance));
        const numbers = [
          found.upMs,
          ...found.backends,
          ...found.locks.flatMap(({ heldMs = 0, holdId = 0, waiters = 0 }) => [heldMs, holdId, waiters]),
          ...found.jobs.flatMap(({ ticks }) => ticks.flatMap(({ atMs, lateMs = 0 }) => [atMs, lateMs])),
        ];
        assert.deepEqual(
          numbers.filter((each) => !Number.isSafeInteger(each)),
          [],
        );
        for (const { method, ticks } of found.jobs) {
          assert.ok(isPrintable(method));
          for (const { atMs, error = '' } of ticks) {
            assert.ok(isPrintable(error));
            assert.ok(atMs < Date.now() + 3_600_000);
          }
        }
      }),
    );
    expect(read).toBeGreaterThan(0);
  });

  it('a question is read, or is none', () => {
    const question = fc.record({ id: fc.oneof(text, fc.uuid()), keys: odd(fc.array(text)) });
    holds(
      fc.property(fc.oneof(question.map(asciiJson), json), (sent) => {
        const found = readQuestion(sent);
        if (found !== undefined) assert.ok(found.keys.length <= 100);
        const questions = new OpenQuestions();
        if (questions.add(7, sent)) assert.equal(questions.next(() => true).askerPid, 7);
        assert.ok(questions.isEmpty);
      }),
    );
  });

  it('a message about a job is read, or is counted as dropped', () => {
    const noServer = { backendPids: [1], server: {} } as unknown as ConstructorParameters<
      typeof FleetMessages
    >[0];
    const message = fc.record(
      {
        kind: odd(fc.constantFrom('run', 'run-offer', 'run-start', 'run-begun', 'run-end', 'cancel')),
        id: odd(fc.uuid()),
        job: odd(text),
        offer: odd(fc.uuid()),
        instance: odd(text),
        waitMs: odd(fc.oneof(number, fc.constant(null))),
        end: odd(fc.constantFrom('done', 'failed')),
        message: odd(text),
        graceMs: odd(number),
      },
      { requiredKeys: ['kind'] },
    );
    let read = 0;
    holds(
      fc.property(fc.oneof(message.map(asciiJson), json), (payload) => {
        const dropped = new DroppedReports({ debug: () => undefined });
        const messages = new FleetMessages(noServer, dropped, undefined);
        let found = 0;
        messages.onMessage(({ message: { kind, ...rest } }) => {
          found += 1;
          if ('instance' in rest) assert.ok(isPrintable(rest.instance));
          if ('message' in rest) assert.ok(isPrintable(rest.message));
          if (kind === 'cancel') assert.ok('graceMs' in rest && Number.isFinite(rest.graceMs));
        });
        const isMessage = messages.receive({ channel: 'nestjs_advisory_lock', payload, processId: 7 });
        assert.equal(found + dropped.count, isMessage ? 1 : 0);
        read += found;
      }),
    );
    expect(read).toBeGreaterThan(0);
  });

  it('parts of reports of any sender, in any order, break nothing', async () => {
    const header = fc.tuple(fc.constantFrom('q1', 'q2', ''), fc.nat(130), fc.nat(130));
    const part = fc.oneof(
      text,
      fc.tuple(header, text).map(([[id, index, count], rest]) => `${id} ${index}/${count} ${rest}`),
    );
    const payloads = fc.array(fc.tuple(fc.nat(5), part));
    await fc.assert(
      fc.asyncProperty(payloads, payloads, async (early, late) => {
        const query = new FleetQuery('q1', new DroppedReports({ debug: () => undefined }));
        for (const [pid, payload] of early) query.receive(pid, payload);
        await query.complete({ backends: [], ownRole: 1 }, () => true, 0);
        for (const [pid, payload] of late) query.receive(pid, payload);
        for (const { isUnconfirmed } of query.reports) assert.ok(isUnconfirmed);
      }),
      { numRuns: 100 },
    );
  });

  it('no text is taken for a signed one', () => {
    const signatures = new FleetSignatures('a secret');
    holds(
      fc.property(fc.oneof(json, report.map(asciiJson)), text, (sent, context) => {
        assert.ok(!signatures.verify(context, sent));
        assert.ok(!signatures.verify(context, `{"signature":"${'A'.repeat(43)}",${sent.slice(1)}`));
        assert.ok(signatures.verify(context, signatures.sign(context, sent)));
      }),
    );
  });
});

describe('whatever is written on the command line', () => {
  const words = fc.array(
    fc.oneof(
      text,
      fc.constantFrom(
        '--key',
        '--key=1,2',
        '--permits',
        '3',
        '--namespace',
        '--scheme',
        'md5-31',
        '--',
        '-h',
      ),
    ),
    { maxLength: 6 },
  );
  const { DATABASE_URL: url } = process.env;
  const write = {
    stdout: process.stdout.write.bind(process.stdout),
    stderr: process.stderr.write.bind(process.stderr),
  };
  let printed = '';
  beforeAll(() => {
    process.env.DATABASE_URL = 'no address';
    for (const stream of ['stdout', 'stderr'] as const)
      process[stream].write = (chunk: string | Uint8Array): boolean => {
        printed += String(chunk);
        return true;
      };
  });
  afterAll(() => {
    if (url === undefined) delete process.env.DATABASE_URL;
    else process.env.DATABASE_URL = url;
    process.stdout.write = write.stdout;
    process.stderr.write = write.stderr;
  });

  it('a key argument is read, or is a usage error', () => {
    holds(
      fc.property(words, (args) => {
        onlyThrows(() => {
          readArguments(() => {
            const { values, positionals } = parseArgs({
              args,
              options: lockOptions,
              allowPositionals: true,
            });
            const { keys } = readKeyOptions(values);
            readLock(values, positionals);
            const name = readName(positionals);
            assert.ok(isPrintable(keySql(keys.keyOf(name), name, 'sha256').key?.statement ?? ''));
          });
        }, UsageError);
      }),
    );
  });

  it('a time is read, or is a usage error', () => {
    const time = fc.oneof(text, fc.tuple(fc.double(), fc.constantFrom('', 'ms', 's', 'h', 'd')).map(String));
    holds(
      fc.property(time, (written) => {
        onlyThrows(() => {
          const ms = readDurationMs(written, '--within', { min: '0s', max: '60s' });
          assert.ok(ms >= 0 && ms <= 60_000);
        }, UsageError);
      }),
    );
  });

  it('a command ends with a status, and prints nothing that is unsafe', async () => {
    const command = fc.constantFrom(
      'list',
      'why',
      'kill',
      'run',
      'key',
      'doctor',
      'constructor',
      '__proto__',
    );
    await fc.assert(
      fc.asyncProperty(command, words, async (name, args) => {
        printed = '';
        // 64: the arguments are wrong, or the address is. 0: help, or the key of a name.
        const status = await runCli([name, ...args]);
        assert.ok([0, 64].includes(status), `status ${String(status)}`);
        assert.ok(isPrintable(printed.replaceAll('\n', '')));
      }),
      { numRuns: 300 },
    );
  });
});

describe('what is long', () => {
  const LONG = 'a'.repeat(200_000);

  it.each<[string, (long: string) => unknown]>([
    [
      'a reason',
      (reason) => terminateRequestOf({ headers: { 'content-type': 'application/json' }, body: { reason } }),
    ],
    ['a search', (search) => snapshotQueryOf({ search })],
    ['a time', (time) => readDurationMs(`${time.replaceAll('a', '1')}x`, '--wait')],
    ['a key', (key) => readLock({ scheme: 'sha256', permits: '1', key: `${key.replaceAll('a', ' ')}(` }, [])],
    ['an address', (address) => parseAddress(`postgres://${address}:${address}@${address}`)],
    ['a name', (name) => shellWord(`\n${name}`)],
    ['a part of a report', (part) => readPart(`${part} 0/1 `)],
    ['a report', (report) => readReport(`{"instance":"${report}"}`)],
    ['a question', (question) => readQuestion(`{"id":"${question}","keys":[]}`)],
    ['a signature', (signature) => new FleetSignatures('x').verify('', `{"signature":"${signature}",}`)],
  ])('is read in one pass: %s', (_, read) => {
    // A quadratic expression takes minutes for this text, and the test fails by its time limit.
    onlyThrows(() => read(LONG), BadRequestException, UsageError, LockConfigurationError);
  });
});
