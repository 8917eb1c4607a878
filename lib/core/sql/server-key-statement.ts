import type { ServerKeyScheme } from '../key/key-schemes.js';
import type { Statement } from './statement.js';

const FORMULAS: Readonly<Record<ServerKeyScheme, string>> = {
  hashtext: 'pg_catalog.hashtext(name)',
  hashtextextended: 'pg_catalog.hashtextextended(name, 0)',
};

/**
 * Computes the keys of names, in their order. The names are one JSON text, so that their number and their
 * quotes do not matter.
 */
export function computeKeys(scheme: ServerKeyScheme, names: readonly string[]): Statement {
  return {
    text:
      `SELECT ${FORMULAS[scheme]}::text ` +
      'FROM pg_catalog.json_array_elements_text($1::json) WITH ORDINALITY AS names (name, place) ' +
      'ORDER BY place',
    values: [JSON.stringify(names)],
  };
}
