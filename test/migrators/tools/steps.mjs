/** The migrations that each tool runs, in their order. The second takes its time. */
export const STEPS = [
  { name: '1700000000001_first', statements: ['CREATE TABLE first (id int)'] },
  {
    name: '1700000000002_second',
    statements: ['SELECT pg_sleep(0.4)', 'CREATE TABLE second (id int PRIMARY KEY)'],
  },
  { name: '1700000000003_third', statements: ['INSERT INTO second VALUES (1)'] },
];
