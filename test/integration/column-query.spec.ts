import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { ColumnQuery } from '../../lib/core/index.js';
import { defer } from '../support/cleanup.js';
import { useTestDatabase } from '../support/test-database.js';

const database = useTestDatabase();

const COLUMN = {
  name: 'column',
  text: 'SELECT coalesce(value, $3) FROM unnest($1::text[]) AS value UNION ALL SELECT $2',
};

describe('a column query', () => {
  it.each([
    { title: 'ASCII', text: 'report' },
    { title: 'more bytes than characters', text: 'größe 😀' },
    { title: 'an empty text', text: '' },
    { title: 'a long text', text: 'ü'.repeat(100_000) },
  ])('gives the server $title and NULL, before and after it is prepared', async ({ text }) => {
    const client = new pg.Client(database.url);
    await client.connect();
    defer(() => client.end());
    const values = [`{"${text}",NULL}`, null, text];
    for (let run = 0; run < 3; run += 1) {
      const query = new ColumnQuery({ ...COLUMN, values });
      client.query(query as unknown as pg.Submittable);
      expect(await query.result).toEqual([text, text, null]);
    }
  });
});
