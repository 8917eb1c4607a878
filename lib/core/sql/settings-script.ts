/** Makes the settings for the session, but for those that the server is too old to know. A script, so that more can go with it. */
export function settingsScript(settings: ReadonlyMap<string, string>): string {
  const rows = [...settings].map(([name, value]) => `('${name}', '${value}')`);
  return `SELECT pg_catalog.set_config(name, value, false) FROM (VALUES ${rows.join(', ')}) AS setting (name, value)
WHERE pg_catalog.current_setting(name, true) IS NOT NULL`;
}
