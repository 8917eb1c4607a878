import type { Statement } from './statement.js';

/** How many locks the lock table has room for, approximately. NULL where a server has no such settings. */
const LOCK_TABLE_CAPACITY = `pg_catalog.current_setting('max_locks_per_transaction', true)::pg_catalog.int8
    OPERATOR(pg_catalog.*) (pg_catalog.current_setting('max_connections', true)::pg_catalog.int8
      OPERATOR(pg_catalog.+) pg_catalog.current_setting('max_prepared_transactions', true)::pg_catalog.int8)`;

/**
 * Queries what the server is. The result is one JSON text. It runs before the settings of the session, so
 * it must mean the same with any `search_path`.
 */
export const HANDSHAKE: Statement = {
  text: `SELECT pg_catalog.json_build_object(
  'backendPid', pg_catalog.pg_backend_pid(),
  'version', pg_catalog.version(),
  'versionNumber', pg_catalog.current_setting('server_version_num')::pg_catalog.int4,
  'isInRecovery', pg_catalog.pg_is_in_recovery(),
  'lockTableCapacity', ${LOCK_TABLE_CAPACITY})`,
};

/**
 * Queries what a checkup needs. Its one parameter is a list of names of settings; the result is one JSON
 * text.
 */
export const CHECKUP = `SELECT pg_catalog.json_build_object(
  'settings', (
    SELECT pg_catalog.json_object_agg(name, setting)
    FROM pg_catalog.pg_settings WHERE name = ANY ($1::text[])),
  'isOverTcp', pg_catalog.inet_client_addr() IS NOT NULL,
  'serverConnections', pg_catalog.json_build_object(
    'open', (
      SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend'),
    'allowed', pg_catalog.current_setting('max_connections')::int4
      - pg_catalog.current_setting('superuser_reserved_connections')::int4
      - COALESCE(pg_catalog.current_setting('reserved_connections', true), '0')::int4),
  'lockTable', pg_catalog.json_build_object(
    'used', (SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks WHERE NOT fastpath),
    'capacity', COALESCE(${LOCK_TABLE_CAPACITY}, 0)),
  'clockMs', pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1000)`;
