import { beforeAll, describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cases = readdirSync(new URL('.', import.meta.url))
  .filter((file) => !file.endsWith('.spec.ts'))
  .map((file) => fileURLToPath(new URL(file, import.meta.url)));

/** Where an error is, and its code: `file.ts:12 2345`. */
type Place = string;

describe('the published types', () => {
  const expected = cases.flatMap(expectedErrors);
  let errors: Map<Place, string>;

  beforeAll(() => {
    errors = compileWithoutExpectations();
  }, 120_000);

  it('refuse each line under a @ts-expect-error, for the stated reason', () => {
    expect(expected.length).toBeGreaterThan(40);
    expect(expected.filter((place) => !errors.has(place))).toEqual([]);
  });

  it('say what is wrong in the stated words', () => {
    const silent = cases
      .flatMap(expectedWords)
      .filter(([place, words]) => errors.get(place)?.includes(words) !== true)
      .map(([place]) => [place, errors.get(place)]);
    expect(silent).toEqual([]);
  });

  it('accept every other line', () => {
    const unexpected = [...errors].filter(([place]) => !expected.includes(place));
    expect(unexpected.map((error) => error.join(' '))).toEqual([]);
  });
});

function expectedErrors(file: string): Place[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line, index) => {
      const code = /@ts-expect-error (\d+)/.exec(line)?.[1];
      return code === undefined ? [] : [`${nameOf(file)}:${index + 2} ${code}`];
    });
}

/** Of `@ts-expect-error 1241 says "…"`: the place, and the words. */
function expectedWords(file: string): [Place, string][] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line, index) => {
      const [, code = '', words] = /@ts-expect-error (\d+) says "(.+?)"(?:, as .*)?$/.exec(line) ?? [];
      return words === undefined ? [] : [[`${nameOf(file)}:${index + 2} ${code}`, words]];
    });
}

/** All errors of the cases, without @ts-expect-error: those comments would hide which error it is. */
function compileWithoutExpectations(): Map<Place, string> {
  const config = ts.readConfigFile(`${root}/tsconfig.json`, (path) => ts.sys.readFile(path)).config as object;
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const readFile = host.readFile.bind(host);
  host.readFile = (path) => {
    const text = readFile(path);
    return cases.includes(path) ? text?.replaceAll('@ts-expect-error', '') : text;
  };
  const program = ts.createProgram({ rootNames: cases, options, host });
  // What the cases import is checked by `npm run typecheck`.
  const ofCases = cases.flatMap((path) => {
    const source = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
  });
  const ofAll = [...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics()];
  return new Map(
    [...ofAll, ...ofCases].map(({ file, start = 0, code, messageText }) => {
      const line = (file?.getLineAndCharacterOfPosition(start).line ?? 0) + 1;
      const text = ts.flattenDiagnosticMessageText(messageText, '\n');
      return [`${nameOf(file?.fileName ?? '')}:${line} ${code}`, text];
    }),
  );
}

function nameOf(path: string): string {
  return path.replace(/^.*\//, '');
}
