// Type-checks every TypeScript snippet of the pages against the public types.
//
// Each ```ts block is a module of its own. A name that it neither declares nor imports is imported: from the
// package if that exports it, else from prelude.ts. A block of class members is put into a class that has the
// `Members` of the prelude.
import { join } from 'node:path';
import ts from 'typescript';

const PACKAGES = {
  'nestjs-advisory-lock': 'lib/index.ts',
  'nestjs-advisory-lock/adapters': 'lib/adapters/index.ts',
  'nestjs-advisory-lock/dashboard': 'lib/dashboard/index.ts',
  'nestjs-advisory-lock/testing': 'lib/testing/index.ts',
};
const PRELUDE = 'scripts/docs/prelude.ts';
/** Not a folder that exists; beside node_modules, so that packages are found from it. */
const FOLDER = '.snippets';

/** The program of the snippets and of the code; both checks share it, as making it is what takes time. */
export function createProgram(pages, { root }) {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, root);
  Object.assign(options, {
    isolatedModules: false,
    emitDecoratorMetadata: false,
    noEmit: true,
    exactOptionalPropertyTypes: false,
    noUncheckedIndexedAccess: false,
    noImplicitOverride: false,
  });
  const files = [...Object.values(PACKAGES), PRELUDE].map((path) => join(root, path));
  const exporters = exportsOf(files, options, root);
  const snippets = new Map(
    pages.flatMap(({ path, fences }) =>
      fences
        .filter(({ language }) => language === 'ts')
        .map(({ line, lines }) => [
          join(root, FOLDER, `${path.replace(/\W/g, '-')}-${line}.ts`),
          { path, line, text: moduleOf(lines.join('\n'), exporters) },
        ]),
    ),
  );
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  host.fileExists = (file) => snippets.has(file) || fileExists(file);
  host.readFile = (file) => snippets.get(file)?.text ?? readFile(file);
  const cli = ts.sys.readDirectory(join(root, 'lib/cli'), ['.ts']);
  const telemetry = ts.sys.readDirectory(join(root, 'lib/telemetry'), ['.ts']);
  const program = ts.createProgram([...files, ...cli, ...telemetry, ...snippets.keys()], options, host);
  return { program, snippets };
}

export function checkSnippets({ program, snippets }) {
  return [...snippets].flatMap(([file, { path, line }]) => {
    const source = program.getSourceFile(file);
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return found.map(({ start, messageText, code }) => {
      // The first line of the module is what was put before the snippet.
      const at = source.getLineAndCharacterOfPosition(start ?? 0).line;
      const message = ts.flattenDiagnosticMessageText(messageText, ' ').replace(/\s+/g, ' ');
      return { path, line: line + Math.max(0, at - 1), message: `TS${code}: ${message}` };
    });
  });
}

/** The names that can be imported, and from where. */
function exportsOf(files, options, root) {
  // Parsed only: what the modules export is read off their text, and what is wrong with it shows later.
  const exporters = new Map();
  const specifiers = [...Object.keys(PACKAGES), join(root, PRELUDE).replace(/\.ts$/, '.js')];
  files.forEach((file, index) => {
    const source = parse(file, ts.sys.readFile(file) ?? '');
    for (const name of exportedNames(source))
      if (!exporters.has(name)) exporters.set(name, specifiers[index]);
  });
  return exporters;
}

function exportedNames(source) {
  return source.statements.flatMap((statement) => {
    if (ts.isExportDeclaration(statement)) {
      return statement.exportClause && ts.isNamedExports(statement.exportClause)
        ? statement.exportClause.elements.map(({ name }) => name.text)
        : [];
    }
    const isExported =
      ts.canHaveModifiers(statement) &&
      ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    return isExported ? declaredBy(statement) : [];
  });
}

function declaredBy(statement) {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap(({ name }) => namesIn(name));
  }
  return statement.name === undefined ? [] : [statement.name.text];
}

function namesIn(name) {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((element) => (ts.isOmittedExpression(element) ? [] : namesIn(element.name)));
}

function parse(file, text) {
  return ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
}

function moduleOf(text, exporters) {
  const plain = parse('snippet.ts', text);
  if (plain.parseDiagnostics.length === 0 && !hasLooseMember(plain)) {
    return `${importsFor(plain, exporters)} export {};\n${text}`;
  }
  const inClass = parse('snippet.ts', `class Snippet {\n${text}\n}`);
  const own = membersOf(inClass).map((name) => JSON.stringify(name));
  const members = own.length === 0 ? 'Members' : `Omit<Members, ${own.join(' | ')}>`;
  const imports = importsFor(inClass, exporters, ['Members']);
  return `${imports} export interface Snippet extends ${members} {} export class Snippet {\n${text}\n}`;
}

/** `@Decorator() name() {}` parses as a statement, too. */
function hasLooseMember(source) {
  return source.statements.some(
    (statement) => ts.isExpressionStatement(statement) && ts.isDecorator(statement.expression),
  );
}

/** What a class of the snippet has by itself, its parameter properties included. */
function membersOf(source) {
  return source.statements.filter(ts.isClassDeclaration).flatMap(({ members }) =>
    members.flatMap((member) => {
      if (ts.isConstructorDeclaration(member)) {
        return member.parameters
          .filter(({ modifiers }) => modifiers?.length > 0)
          .flatMap(({ name }) => namesIn(name));
      }
      return member.name === undefined ? [] : [member.name.getText(source)];
    }),
  );
}

function importsFor(source, exporters, always = []) {
  const used = new Set(always);
  const declared = new Set();
  const visit = (node) => {
    if (ts.isIdentifier(node) && !isProperty(node)) used.add(node.text);
    const { name } = node;
    const declares =
      ts.isVariableDeclaration(node) ||
      ts.isClassDeclaration(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isInterfaceDeclaration(node) ||
      ts.isImportSpecifier(node) ||
      ts.isImportClause(node);
    // Names of parameters and of variables in functions hide an import only where they are.
    const isAtTop = ts.isVariableDeclaration(node) ? node.parent.parent.parent === source : true;
    if (declares && isAtTop && name !== undefined) for (const each of namesIn(name)) declared.add(each);
    ts.forEachChild(node, visit);
  };
  visit(source);
  const from = new Map();
  for (const name of used) {
    if (declared.has(name) || !exporters.has(name)) continue;
    const specifier = exporters.get(name);
    from.set(specifier, [...(from.get(specifier) ?? []), name]);
  }
  return [...from]
    .map(([specifier, names]) => `import { ${names.join(', ')} } from ${JSON.stringify(specifier)};`)
    .join(' ');
}

function isProperty(node) {
  const { parent } = node;
  return (
    (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
    (ts.isPropertyAssignment(parent) && parent.name === node) ||
    (ts.isMethodDeclaration(parent) && parent.name === node)
  );
}
