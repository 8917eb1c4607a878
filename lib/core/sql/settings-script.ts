/**
 * Applies the settings to the session, except those that an older server does not know. It is a script, so
 * that more statements can follow it in one message.
 */
export function settingsScript(settings: ReadonlyMap<string, string>): string {
  const rows = [...settings].map(([name, value]) => `('${name}', '${value}')`);
  return `SELECT pg_catalog.set_config(name, value, false)
FROM (VALUES ${rows.join(', ')}) AS setting (name, value)
WHERE pg_catalog.current_setting(name, true) IS NOT NULL`;
}
