import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Runtimes differ in what they make of decorators in TypeScript, so all run the same JavaScript. */
export async function compileProgram(): Promise<string> {
  const program = pathOf('dist/program.mjs');
  await mkdir(pathOf('dist'), { recursive: true });
  const { outputText } = ts.transpileModule(await readFile(pathOf('program.ts'), 'utf8'), {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
    },
  });
  await writeFile(program, outputText);
  return program;
}
