// Holds the reference pages and the code together, in both directions.
//
// A comment in front of a table says what the table documents:
//
//   <!-- reference: options AdvisoryLockModuleOptions -->         each property of the type, with its default
//   <!-- reference: options WithAdvisoryLockOptions beyond LockOptions -->   without those of LockOptions
//   <!-- reference: options RunTimeJobOptions as ExclusiveCronOptions -->    documented there, no table
//   <!-- reference: literals ProblemCode -->                      each member of a union of strings
//   <!-- reference: errors -->                                    each code and class of error
//   <!-- reference: events -->                                    each type of event with its properties
//   <!-- reference: metrics -->, spans, flags, statuses           what lib/telemetry and lib/cli have
import { cellsOf } from './pages.mjs';
import { factsOf } from './facts.mjs';

const KINDS = {
  options: checkOptions,
  literals: checkLiterals,
  errors: checkErrors,
  events: checkEvents,
  metrics: checkMetrics,
  spans: checkSpans,
  flags: checkFlags,
  statuses: checkStatuses,
};

/** What has to have a table somewhere, besides each type of options. */
const LITERALS = ['ProblemCode', 'SkipReason'];

export function checkReference(pages, { program }, { root }) {
  const facts = factsOf(program, root);
  const tables = pages.flatMap(tablesOf);
  const found = tables.flatMap((table) => {
    const check = KINDS[table.kind];
    if (check === undefined) return [at(table, `there is no reference of the kind "${table.kind}"`)];
    return check(table, facts);
  });
  return [...found, ...missingTables(tables, facts), ...missingNames(pages, facts)];
}

/** The tables that are marked, with their rows. */
function tablesOf({ path, lines }) {
  return lines.flatMap(({ text, isCode }, index) => {
    const mark = isCode ? null : /^<!-- reference: (\w+) ?(.*?) *-->$/.exec(text);
    if (mark === null) return [];
    const [, kind, subject] = mark;
    const rows = [];
    for (const { text: line, number } of lines.slice(index + 1)) {
      const cells = cellsOf(line);
      if (cells !== undefined) rows.push({ cells, line: number });
      else if (line.trim() !== '' || rows.length > 0) break;
    }
    const [header, , ...body] = rows;
    return [{ path, line: index + 1, kind, subject, header: header?.cells ?? [], rows: body }];
  });
}

const at = ({ path, line }, message) => ({ path, line, message });

/** The words in code of a cell: `a`, `b` → a, b. */
const codeIn = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code);

/** Every name on one side only is a violation. */
function compare(table, what, documented, inCode) {
  const rowOf = new Map(documented.map(({ name, line }) => [name, line]));
  return [
    ...[...rowOf]
      .filter(([name]) => !inCode.includes(name))
      .map(([name, line]) => at({ ...table, line }, `${what} \`${name}\` is not in the code`)),
    ...inCode
      .filter((name) => !rowOf.has(name))
      .map((name) => at(table, `${what} \`${name}\` of the code is missing in this table`)),
  ];
}

const firstColumn = ({ rows }) =>
  rows.flatMap(({ cells, line }) => codeIn(cells[0]).map((name) => ({ name, line })));

function checkOptions(table, { optionsOf }) {
  const [type, relation, other] = table.subject.split(' ');
  const all = optionsOf.get(type);
  if (all === undefined) return [at(table, `the package exports no type ${type}`)];
  if (relation === 'as')
    return optionsOf.has(other) ? [] : [at(table, `the package exports no type ${other}`)];
  const shared = relation === 'beyond' ? optionsOf.get(other) : new Map();
  const own = new Map([...all].filter(([name]) => !shared.has(name)));
  const column = table.header.findIndex((title) => title === 'default');
  const wrong = table.rows.flatMap(({ cells, line }) =>
    codeIn(cells[0]).flatMap((name) => {
      const expected = own.get(name);
      const documented = cells[column] ?? '';
      if (expected === undefined || isSameDefault(documented, expected)) return [];
      return [
        at(
          { ...table, line },
          `the default of \`${name}\` is ${expected.text} in the code, and ${documented} here`,
        ),
      ];
    }),
  );
  return [...compare(table, `the option of ${type}`, firstColumn(table), [...own.keys()]), ...wrong];
}

/** A literal must be the same; of a default described in words, only the presence is checked. */
function isSameDefault(cell, { literal, isRequired }) {
  const plain = cell.replaceAll('`', '').trim();
  if (isRequired) return plain === 'required';
  if (literal === undefined) return plain !== '' && !isLiteral(plain);
  return plain === literal || plain.startsWith(`${literal} `) || plain.startsWith(`${literal},`);
}

const isLiteral = (text) => /^(true|false|Infinity|'[^']*'|[\d_]+)$/.test(text);

function checkLiterals(table, { literalsOf }) {
  const members = literalsOf(table.subject);
  if (members === undefined) return [at(table, `the package exports no union of strings ${table.subject}`)];
  const documented = firstColumn(table).map(({ name, line }) => ({ name: name.replace(/^'|'$/g, ''), line }));
  return compare(table, `the member of ${table.subject}`, documented, members);
}

function checkErrors(table, { errors }) {
  const documented = table.rows.flatMap(({ cells, line }) => {
    const [name] = codeIn(cells[0]);
    const [type] = codeIn(cells[1]);
    return [{ name: `${name} ${type}`, line }];
  });
  return compare(
    table,
    'the error',
    documented,
    errors.map(({ code, type }) => `${code} ${type}`),
  );
}

function checkEvents(table, { events, literalsOf }) {
  const types = compare(table, 'the event', firstColumn(table), [...events.keys()]);
  const literals = new Set(['SkipReason'].flatMap((type) => literalsOf(type) ?? []));
  const properties = table.rows.flatMap(({ cells, line }) => {
    const [type] = codeIn(cells[0]);
    const expected = events.get(type);
    if (expected === undefined) return [];
    const documented = codeIn(cells[2])
      .filter((name) => !name.startsWith("'"))
      .filter((name) => !literals.has(name))
      .map((name) => ({ name, line }));
    return compare({ ...table, line }, `the property of the event ${type}`, documented, expected);
  });
  return [...types, ...properties];
}

function checkMetrics(table, { metrics }) {
  const documented = table.rows.map(({ cells, line }) => ({
    name: `${codeIn(cells[0])[0]} ${cells[1]}`,
    line,
  }));
  return compare(
    table,
    'the metric',
    documented,
    metrics.map(({ name, kind }) => `${name} ${kind}`),
  );
}

function checkSpans(table, { spans }) {
  const documented = firstColumn(table).map(({ name, line }) => ({ name: name.split(' ')[0], line }));
  return compare(table, 'the span', documented, spans);
}

function checkFlags(table, { flags }) {
  const documented = table.rows.flatMap(({ cells, line }) => {
    const [flag = ''] = codeIn(cells[0]);
    const [name] = flag.split(/[ =]/);
    return codeIn(cells[1]).map((command) => ({ name: `${command} ${name}`, line }));
  });
  const missing = compare(table, 'the flag', documented, [...flags.keys()]);
  const column = table.header.findIndex((title) => title === 'default');
  const wrong = table.rows.flatMap(({ cells, line }) => {
    const [name] = (codeIn(cells[0])[0] ?? '').split(/[ =]/);
    const documentedDefault = codeIn(cells[column])[0] ?? '';
    return codeIn(cells[1]).flatMap((command) => {
      const expected = flags.get(`${command} ${name}`);
      if (expected === undefined || expected === documentedDefault) return [];
      return [
        at(
          { ...table, line },
          `the default of ${command} ${name} is "${expected}" in the code, and "${documentedDefault}" here`,
        ),
      ];
    });
  });
  return [...missing, ...wrong];
}

function checkStatuses(table, { statuses }) {
  const documented = table.rows.flatMap(({ cells, line }) =>
    (cells[0].match(/\b\d+\b(?! \+)/g) ?? []).map((name) => ({ name, line })),
  );
  // What a shell says of a command that it cannot run is no status of our own.
  const known = [...statuses, '126', '127'];
  return compare(table, 'the exit status', documented, known);
}

function missingTables(tables, { optionsOf }) {
  const has = (kind, subject) =>
    tables.some((table) => table.kind === kind && (table.subject.split(' ')[0] ?? '') === subject);
  const lacks = (kind, subject) =>
    has(kind, subject)
      ? []
      : [
          {
            path: 'docs',
            line: 1,
            message: `no page has <!-- reference: ${`${kind} ${subject}`.trim()} -->`,
          },
        ];
  return [
    ...[...optionsOf.keys()].flatMap((type) => lacks('options', type)),
    ...LITERALS.flatMap((type) => lacks('literals', type)),
    ...Object.keys(KINDS)
      .filter((kind) => kind !== 'options' && kind !== 'literals')
      .flatMap((kind) => lacks(kind, '')),
  ];
}

/** Every class and function of the package is spoken of somewhere. */
function missingNames(pages, { values }) {
  const text = pages.map((page) => page.text).join('\n');
  return values
    .filter((name) => !new RegExp(`\\b${name}\\b`).test(text))
    .map((name) => ({
      path: 'docs',
      line: 1,
      message: `no page mentions ${name}, which the package exports`,
    }));
}
