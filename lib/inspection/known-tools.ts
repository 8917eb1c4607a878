import { crc32 } from 'node:zlib';

const FIXED: Readonly<Record<string, string>> = {
  '72707369': 'Prisma Migrate',
  '3853314791062309107': 'Kysely',
  '7241865325823964': 'node-pg-migrate',
  '-8525285245963000605': 'postgres-migrations',
  '5887940537704921958': 'goose',
};

/**
 * The first number of a pair that BullMQ takes in Postgres: `hashtext('bullmq:finalization')`. The function
 * has been the same since Postgres 8.4.
 */
const BULLMQ_FINALIZATION = -502_438_564;

/** The first number of the pair that BullMQ takes while it creates its tables: `BULL`. */
const BULLMQ_MIGRATION = 0x42554c4c;

/** The name of a tool that takes many short locks of transactions. */
export const BULLMQ = 'BullMQ';

/** The tool that is known to lock such a pair. */
export function toolOfPair([first]: readonly [number, number]): string | undefined {
  return first === BULLMQ_FINALIZATION || first === BULLMQ_MIGRATION ? BULLMQ : undefined;
}

/** Flyway adds the 32-bit hash of its table's name to this number. */
const FLYWAY = 77_431_708_279_161n;
const HASH_RANGE = 2n ** 31n;

const RAILS_SALT = 2_053_462_845n;
const SQLX_SALT = 0x3d32ad9en;
const GOLANG_MIGRATE_SALT = 1_486_364_155n;

/**
 * Finds the tool that is known to lock a bigint key in this database, by the key as text. Without a database
 * it does not know the tools whose keys contain its name.
 */
export function knownToolsOf(database?: string): (key: string) => string | undefined {
  const known = new Map(Object.entries(FIXED));
  if (database !== undefined) addKeysOfDatabase(known, database);
  return (key) => known.get(key) ?? (isFlyway(BigInt(key)) ? 'Flyway' : undefined);
}

function addKeysOfDatabase(known: Map<string, string>, database: string): void {
  const crc = BigInt(crc32(database));
  known.set(String(RAILS_SALT * crc), 'Rails migrations');
  known.set(String(BigInt.asIntN(64, SQLX_SALT * crc)), 'sqlx migrations');
  const migrate = BigInt(crc32(`public\0schema_migrations\0${database}`));
  known.set(String(BigInt.asUintN(32, migrate * GOLANG_MIGRATE_SALT)), 'golang-migrate');
}

function isFlyway(key: bigint): boolean {
  return key >= FLYWAY - HASH_RANGE && key < FLYWAY + HASH_RANGE;
}
