import { readdirSync, readFileSync } from 'node:fs';
import pg from 'pg';

/**
 * What a role that may create objects in `public` can do there: one operator for each name and each pair
 * of types that Postgres can apply it to, one function for each signature, one domain for each type, and one
 * view for each catalog, all of which record the statement that has called them before they do what is
 * expected of them. `public` comes before `pg_catalog`.
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

/** The SQL of the library. */
const library = new URL('../../../lib/', import.meta.url);
const SQL = readdirSync(library, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(new URL(file, library), 'utf8'))
  .join('\n');

/** What the library qualifies, so that a name that is new in it is shadowed too. */
function namesIn(pattern: RegExp): string[] {
  return [...SQL.matchAll(pattern)].map(([, name = '']) => name);
}

/** Those that it qualifies, and those that statements on lock connections leave to their `search_path`. */
const OPERATORS = new Set([
  ...namesIn(/OPERATOR\(pg_catalog\.([^)\s]+)\)/g),
  ...['<>', '%', '||', '->', '->>', '~~', '!~~', '<<', '>>', '|', '&', '@>'],
]);

const TYPES = new Set([
  ...namesIn(/::pg_catalog\.([a-z]\w*)/g),
  ...['bool', 'int2', 'oid', 'numeric', 'timestamptz', 'interval', 'json', 'jsonb', 'inet', 'xid'],
]);

const FUNCTIONS = new Set([
  ...namesIn(/pg_catalog\.(\w+)\(/g),
  ...[
    'ceil',
    'date_part',
    'extract',
    'floor',
    'inet_client_addr',
    'now',
    'to_jsonb',
    'txid_current',
    'version',
  ],
]);

const CATALOGS = new Set(namesIn(/(?:FROM|JOIN) pg_catalog\.(pg_\w+)(?!\w*\()/g));

const list = (names: ReadonlySet<string>): string => `'{${[...names].join(',')}}'::text[]`;

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
  FOREACH one IN ARRAY ${list(CATALOGS)} LOOP
    EXECUTE format('CREATE VIEW public.%I AS SELECT * FROM pg_catalog.%I WHERE public.note_cast(%L)',
      one, one, 'catalog ' || one);
  END LOOP;
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
