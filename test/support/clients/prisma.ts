import { PrismaPg } from '@prisma/adapter-pg';
import { getPrismaClient } from '@prisma/client/runtime/client';

/** An interactive transaction of Prisma, as far as the tests use it. */
export interface PrismaTx {
  $queryRawUnsafe(sql: string): Promise<object[]>;
}

export interface Prisma extends PrismaTx {
  $transaction<T>(
    body: (tx: PrismaTx) => Promise<T>,
    options?: { isolationLevel?: 'RepeatableRead'; timeout?: number },
  ): Promise<T>;
  $disconnect(): Promise<void>;
}

// Modules without types, as is `WebAssembly` here.
const COMPILER: string = '@prisma/client/runtime/query_compiler_fast_bg.postgresql.mjs';
const COMPILER_WASM: string = '@prisma/client/runtime/query_compiler_fast_bg.postgresql.wasm-base64.mjs';
declare const WebAssembly: { readonly Module: new (bytes: Uint8Array) => object };
type Config = Parameters<typeof getPrismaClient>[0];
type CompilerRuntime = Awaited<ReturnType<NonNullable<Config['compilerWasm']>['getRuntime']>>;

/**
 * The client that `prisma generate` makes of a schema without models: what it generates is this call of the
 * runtime. The generator is no part of the tests, as it downloads an engine.
 */
const PrismaClient = getPrismaClient({
  previewFeatures: [],
  clientVersion: '7.0.0',
  engineVersion: '0',
  activeProvider: 'postgresql',
  inlineSchema: 'datasource db {\n  provider = "postgresql"\n}\n',
  runtimeDataModel: { models: {}, enums: {}, types: {} },
  parameterizationSchema: { strings: [], graph: 'AAAAAAAA' },
  compilerWasm: {
    getRuntime: async () => (await import(COMPILER)) as CompilerRuntime,
    getQueryCompilerWasmModule: async () => {
      const { wasm } = (await import(COMPILER_WASM)) as { wasm: string };
      return new WebAssembly.Module(Buffer.from(wasm, 'base64'));
    },
    importName: './query_compiler_fast_bg.js',
  },
});

export function openPrisma(url: string): Prisma {
  return new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: 2 }) }) as unknown as Prisma;
}
