// What the code says of itself: options and their defaults, errors, events, metrics, flags. Read by the
// compiler, not by name of file, so that files may move.
import { join } from 'node:path';
import ts from 'typescript';

const ENTRIES = ['lib/index.ts', 'lib/adapters/index.ts', 'lib/dashboard/index.ts', 'lib/testing/index.ts'];

/** Types of options whose names do not say so. */
const MORE_OPTIONS = ['AdvisoryLockModuleExtras', 'LockFilter', 'PostgresConfig'];

export function factsOf(program, root) {
  const checker = program.getTypeChecker();
  const exported = exportsOf(program, checker, root);
  const inLib = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(join(root, 'lib/')));
  return {
    optionsOf: new Map(
      [...exported]
        .filter(([name]) => name.endsWith('Options') || MORE_OPTIONS.includes(name))
        .map(([name, symbol]) => [
          name,
          propertiesOf(checker.getDeclaredTypeOfSymbol(symbol), checker, root),
        ]),
    ),
    literalsOf: (name) => literalsOf(exported.get(name), checker),
    errors: errorsOf(exported),
    events: eventsOf(exported, checker),
    metrics: inLib.flatMap(metricsOf),
    spans: [...new Set(inLib.flatMap(spansOf))],
    flags: flagsOf(inLib, checker),
    statuses: statusesOf(inLib),
    values: [...exported].filter(([, { flags }]) => flags & ts.SymbolFlags.Value).map(([name]) => name),
  };
}

export function exportsOf(program, checker, root) {
  return new Map(
    ENTRIES.flatMap((path) => {
      const source = program.getSourceFile(join(root, path));
      return checker
        .getExportsOfModule(checker.getSymbolAtLocation(source))
        .map((symbol) => [
          symbol.name,
          symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
        ]);
    }),
  );
}

/** The properties of a type with their defaults; of an intersection or a union, of all its parts. */
function propertiesOf(type, checker, root) {
  const parts = type.isUnionOrIntersection() ? [...partsOf(type), type] : [type];
  const symbols = new Map();
  for (const part of parts) {
    for (const symbol of checker.getPropertiesOfType(part)) {
      if (!symbols.has(symbol.name) || (symbols.get(symbol.name).declarations ?? []).length === 0)
        symbols.set(symbol.name, symbol);
    }
  }
  const isOwn = ({ declarations = [] }) =>
    declarations.some((declaration) => declaration.getSourceFile().fileName.startsWith(join(root, 'lib/')));
  const all = [...symbols.values()];
  // Of what is passed on to another package, that has the documentation, unless there is nothing else.
  const wanted = all.some(isOwn) ? all.filter(isOwn) : all;
  return new Map(wanted.map((symbol) => [symbol.name, defaultOf(symbol, checker)]));
}

function partsOf(type) {
  return type.types.flatMap((part) => (part.isUnionOrIntersection() ? partsOf(part) : [part]));
}

function defaultOf(symbol, checker) {
  const tag = symbol.getJsDocTags(checker).find(({ name }) => name === 'default');
  const text = ts.displayPartsToString(tag?.text).replace(/\s+/g, ' ').trim();
  const [literal] = /^(true|false|Infinity|'[^']*'|[\d_]+)(?=$|[ ,])/.exec(text) ?? [];
  const isRequired = (symbol.flags & ts.SymbolFlags.Optional) === 0;
  return { text: isRequired ? 'required' : text || 'none', literal, isRequired };
}

function literalsOf(symbol, checker) {
  const type = symbol && checker.getDeclaredTypeOfSymbol(symbol);
  if (type?.isUnion() !== true || !type.types.every((part) => part.isStringLiteral())) return undefined;
  return type.types.map(({ value }) => value);
}

/** Each class of error with a code of its own. */
function errorsOf(exported) {
  return [...exported].flatMap(([name, symbol]) => {
    const isConcrete =
      symbol.flags & ts.SymbolFlags.Class && name.startsWith('Lock') && name.endsWith('Error');
    if (!isConcrete) return [];
    const code = symbol.valueDeclaration.members.find((member) => member.name?.getText() === 'code');
    return [{ code: code.initializer.getText().replaceAll("'", ''), type: name }];
  });
}

/** The properties of each type of event, but for those that all have. */
function eventsOf(exported, checker) {
  const union = checker.getDeclaredTypeOfSymbol(exported.get('LockEvent'));
  return new Map(
    union.types.map((type) => {
      const names = checker.getPropertiesOfType(type).map(({ name }) => name);
      const kind = checker.getTypeOfSymbol(type.getProperty('type')).value;
      const common = ['type', 'at', 'connection', 'lockName'];
      return [kind, names.filter((name) => !common.includes(name))];
    }),
  );
}

const KINDS = {
  __proto__: null,
  createCounter: 'counter',
  createHistogram: 'histogram',
  createObservableCounter: 'counter',
  createObservableGauge: 'gauge',
};

function metricsOf(source) {
  return callsIn(source).flatMap(({ expression, arguments: [first] }) => {
    const kind = ts.isPropertyAccessExpression(expression) ? KINDS[expression.name.text] : undefined;
    return kind === undefined || first === undefined || !ts.isStringLiteral(first)
      ? []
      : [{ name: first.text, kind }];
  });
}

function spansOf(source) {
  return callsIn(source).flatMap(({ expression, arguments: [first] }) => {
    const isSpan = ts.isPropertyAccessExpression(expression) && expression.name.text === 'startSpan';
    return isSpan && first !== undefined && ts.isTemplateExpression(first) ? [first.head.text.trim()] : [];
  });
}

/** `list --watch` → its default as text; '' where there is none. */
function flagsOf(sources, checker) {
  const commands = commandNames(sources);
  const flags = new Map();
  for (const source of sources) {
    const command = commands.get(source.fileName);
    if (command === undefined) continue;
    for (const {
      expression,
      arguments: [config],
    } of callsIn(source)) {
      if (expression.getText() !== 'parseArgs') continue;
      const options = config.properties.find(({ name }) => name?.getText() === 'options').initializer;
      for (const symbol of checker.getTypeAtLocation(options).getProperties()) {
        flags.set(`${command} --${symbol.name}`, flagDefault(symbol));
      }
    }
  }
  return flags;
}

function flagDefault({ declarations: [declaration] }) {
  const given = declaration.initializer?.properties?.find(({ name }) => name?.getText() === 'default');
  const text = given?.initializer.getText() ?? '';
  return text === 'false' ? '' : text.replaceAll("'", '');
}

/** The name of the command that each file implements: the one that exports a `CliCommand`. */
function commandNames(sources) {
  const names = new Map();
  for (const source of sources) {
    for (const statement of source.statements) {
      const [declaration] = ts.isVariableStatement(statement) ? statement.declarationList.declarations : [];
      if (declaration?.type?.getText() !== 'CliCommand') continue;
      names.set(source.fileName, declaration.name.getText().replace(/Command$/, ''));
    }
  }
  return names;
}

function statusesOf(sources) {
  for (const source of sources) {
    for (const statement of source.statements) {
      const [declaration] = ts.isVariableStatement(statement) ? statement.declarationList.declarations : [];
      if (declaration?.name.getText() !== 'ExitStatus') continue;
      return declaration.initializer.expression.properties.map(({ initializer }) => initializer.getText());
    }
  }
  return [];
}

function callsIn(source) {
  const calls = [];
  const visit = (node) => {
    if (ts.isCallExpression(node)) calls.push(node);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return calls;
}
