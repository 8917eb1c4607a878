import pg from 'pg';

/**
 * What a role that may create objects in `public` can do there: one operator for each name and each pair
 * of types that Postgres can apply it to, one function for each signature, and one domain for each type,
 * all of which record the statement that has called them before they do what is expected of them.
 * `public` comes before `pg_catalog`.
 *
 * @see https://www.postgresql.org/docs/current/typeconv-oper.html
 */
export async function castShadows(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(SHADOWS);
    await client.query(
      `ALTER DATABASE ${client.escapeIdentifier(client.database ?? '')} SET search_path = public, pg_catalog`,
    );
  } finally {
    await client.end();
  }
}

const OPERATORS = [
  '=',
  '<>',
  '<',
  '<=',
  '>',
  '>=',
  '+',
  '-',
  '*',
  '/',
  '%',
  '||',
  '->',
  '->>',
  '~~',
  '!~~',
  '<<',
  '>>',
];

const TYPES = [
  'bool',
  'int2',
  'int4',
  'int8',
  'oid',
  'float8',
  'numeric',
  'text',
  'name',
  'timestamptz',
  'interval',
  'json',
  'jsonb',
  'inet',
  'xid',
];

const FUNCTIONS = [
  'clock_timestamp',
  'concat_ws',
  'current_database',
  'current_setting',
  'date_part',
  'extract',
  'floor',
  'host',
  'inet_client_addr',
  'json_array_elements',
  'json_build_array',
  'json_build_object',
  'now',
  'pg_advisory_lock',
  'pg_advisory_lock_shared',
  'pg_advisory_unlock',
  'pg_advisory_unlock_all',
  'pg_advisory_unlock_shared',
  'pg_advisory_xact_lock',
  'pg_advisory_xact_lock_shared',
  'pg_backend_pid',
  'pg_blocking_pids',
  'pg_cancel_backend',
  'pg_is_in_recovery',
  'pg_notify',
  'pg_terminate_backend',
  'pg_try_advisory_lock',
  'pg_try_advisory_lock_shared',
  'pg_try_advisory_xact_lock',
  'pg_try_advisory_xact_lock_shared',
  'round',
  'set_config',
  'string_to_array',
  'to_jsonb',
  'to_timestamp',
  'txid_current',
  'txid_current_snapshot',
  'txid_snapshot_xmin',
  'unnest',
  'version',
];

const list = (names: readonly string[]): string => `'{${names.join(',')}}'::text[]`;

const SHADOWS = `
CREATE TABLE public.called (what text, statement text);

DO $do$
DECLARE
  sign text; one text; other text; result text; made int := 0; routine record;
BEGIN
  FOREACH sign IN ARRAY ${list(OPERATORS)} LOOP
    FOREACH one IN ARRAY ${list(TYPES)} LOOP
      FOREACH other IN ARRAY ${list(TYPES)} LOOP
        BEGIN
          EXECUTE format('SELECT pg_typeof(NULL::pg_catalog.%s OPERATOR(pg_catalog.%s) NULL::pg_catalog.%s)',
            one, sign, other) INTO result;
        EXCEPTION WHEN OTHERS THEN CONTINUE;
        END;
        made := made + 1;
        EXECUTE format($f$
          CREATE FUNCTION public.shadow_%s(pg_catalog.%s, pg_catalog.%s) RETURNS %s LANGUAGE plpgsql AS $body$
          BEGIN
            INSERT INTO public.called VALUES (%L, pg_catalog.current_query());
            RETURN $1 OPERATOR(pg_catalog.%s) $2;
          END $body$;
          CREATE OPERATOR public.%s (
            FUNCTION = public.shadow_%s, LEFTARG = pg_catalog.%s, RIGHTARG = pg_catalog.%s)$f$,
          made, one, other, result, one || ' ' || sign || ' ' || other, sign, sign, made, one, other);
      END LOOP;
    END LOOP;
  END LOOP;

  FOR routine IN
    SELECT proname, pg_get_function_identity_arguments(oid) AS arguments,
      pg_get_function_result(oid) AS result,
      (SELECT string_agg('$' || n, ', ' ORDER BY n) FROM generate_series(1, pronargs) n) AS passed
    FROM pg_proc
    WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND provariadic = 0 AND NOT proretset
      AND proname = ANY (${list(FUNCTIONS)})
  LOOP
    BEGIN
      EXECUTE format($f$
        CREATE FUNCTION public.%I(%s) RETURNS %s LANGUAGE plpgsql AS $body$
        BEGIN
          INSERT INTO public.called VALUES (%L, pg_catalog.current_query());
          %s pg_catalog.%I(%s);
        END $body$$f$,
        routine.proname, routine.arguments, routine.result, routine.proname,
        CASE routine.result WHEN 'void' THEN 'PERFORM' ELSE 'RETURN' END, routine.proname, routine.passed);
    EXCEPTION WHEN OTHERS THEN RAISE NOTICE '%: %', routine.proname, SQLERRM;
    END;
  END LOOP;

  CREATE FUNCTION public.note_cast(what text) RETURNS bool LANGUAGE plpgsql AS $body$
    BEGIN
      INSERT INTO public.called VALUES (what, pg_catalog.current_query());
      RETURN true;
    END $body$;
  FOREACH one IN ARRAY ${list(TYPES)} LOOP
    EXECUTE format('CREATE DOMAIN public.%s AS pg_catalog.%s CHECK (public.note_cast(%L))',
      one, one, 'type ' || one);
  END LOOP;
END $do$`;

/** What was called, by which statement. */
export async function calledShadows(
  query: (sql: string) => Promise<{ what: string; statement: string }[]>,
): Promise<string[]> {
  const rows = await query('SELECT DISTINCT what, statement FROM public.called');
  return rows.map(({ what, statement }) => `${what} in ${statement}`);
}
