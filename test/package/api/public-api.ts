import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import ts from 'typescript';
import { namedSymbols } from './named-symbols.js';
import { printDeclaration } from './print-declaration.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const HEAD = `# The public API

What \`dist\` declares to users. \`npm run api:update\` writes this file; a test fails while it differs.
`;

/**
 * All that users can name, as text: the exports of each entry of the package,
 * and the types that these name in turn.
 */
export async function publicApi(): Promise<string> {
  const entries = entryPoints();
  const program = ts.createProgram(
    entries.map(({ types }) => types),
    compilerOptions(),
  );
  const checker = program.getTypeChecker();
  const isOurs = (declaration: ts.Declaration): boolean =>
    declaration.getSourceFile().fileName.startsWith(`${root}dist/`);
  const declarationsOf = (symbol: ts.Symbol): ts.Declaration[] =>
    (symbol.declarations ?? []).filter((each) => isOurs(each) && !ts.isTypeParameterDeclaration(each));

  const sections: string[] = [HEAD];
  const seen = new Set<ts.Symbol>();
  for (const { name, types } of entries) {
    const exports = exportsOf(program, types);
    sections.push(await section(name, exports.flatMap(declarationsOf)));
    for (const symbol of exports) seen.add(symbol);
  }

  // A set that grows while it is walked through.
  const unexported: ts.Symbol[] = [];
  for (const symbol of seen) {
    for (const named of declarationsOf(symbol).flatMap((each) => namedSymbols(each, checker))) {
      if (seen.has(named) || declarationsOf(named).length === 0) continue;
      seen.add(named);
      unexported.push(named);
    }
  }
  sections.push(await section('Named above, but not exported', sorted(unexported).flatMap(declarationsOf)));
  return sections.join('\n');
}

/** From package.json, so that an entry that is added is in the list. */
function entryPoints(): { name: string; types: string }[] {
  const { name, exports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
    name: string;
    exports: Record<string, string | { import: { types: string } }>;
  };
  return Object.entries(exports).flatMap(([path, target]) =>
    typeof target === 'string' ? [] : [{ name: name + path.slice(1), types: root + target.import.types }],
  );
}

function compilerOptions(): ts.CompilerOptions {
  const config = ts.readConfigFile(`${root}tsconfig.json`, (path) => ts.sys.readFile(path)).config as object;
  return { ...ts.parseJsonConfigFileContent(config, ts.sys, root).options, paths: {} };
}

function exportsOf(program: ts.Program, path: string): ts.Symbol[] {
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(path);
  const module = file && checker.getSymbolAtLocation(file);
  if (module === undefined) throw new Error(`${path} is not a module.`);
  const exports = checker.getExportsOfModule(module);
  return sorted(
    exports.map((symbol) =>
      symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
    ),
  );
}

function sorted(symbols: ts.Symbol[]): ts.Symbol[] {
  return symbols.sort((one, other) => (one.name < other.name ? -1 : 1));
}

async function section(title: string, declarations: ts.Declaration[]): Promise<string> {
  const code = await format(declarations.map(printDeclaration).join('\n\n'), {
    parser: 'typescript',
    singleQuote: true,
    printWidth: 110,
  });
  return `## ${title}\n\n\`\`\`ts\n${code}\`\`\`\n`;
}
