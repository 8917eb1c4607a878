/*
 * The rooms of the house, from the ground up: a room imports only what stands before it in the list, type
 * imports included, and core is entered by its one door. See ARCHITECTURE.md.
 */
const ROOMS = [
  'core',
  'inspection',
  'telemetry',
  'migrations',
  'locking',
  'fleet',
  'jobs',
  'leadership',
  'lease',
  'shares',
  'adapters',
  'cli',
  'nest',
  'testing',
  'dashboard',
];

/** The same inside core. */
const CORE_ROOMS = [
  'errors',
  'key',
  'options',
  'sql',
  'events',
  'connection',
  'session',
  'table',
  'transaction',
];

const WITHOUT_NEST = ['core', 'inspection', 'migrations', 'fleet', 'adapters', 'cli'];

const oneOf = (names) => `(${names.join('|')})`;

/** One rule a room: nothing that stands behind it in the list may be imported. */
const upwards = (folder, rooms) =>
  rooms.slice(0, -1).map((room, index) => ({
    name: `${folder}/${room} imports only rooms before it`,
    severity: 'error',
    from: { path: `^${folder}/${room}/` },
    to: { path: `^${folder}/${oneOf(rooms.slice(index + 1))}/` },
  }));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no cycle, type imports included',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    ...upwards('lib', ROOMS),
    ...upwards('lib/core', CORE_ROOMS),
    ...WITHOUT_NEST.map((room) => ({
      name: `lib/${room} knows nothing of Nest`,
      severity: 'error',
      from: { path: `^lib/${room}/` },
      to: { path: 'node_modules/@nestjs/' },
    })),
    {
      name: 'lib/cli knows of jobs only when they run',
      comment: 'The calendar is arithmetic, and pauses are SQL; everything else in lib/jobs is part of Nest.',
      severity: 'error',
      from: { path: '^lib/cli/' },
      to: { path: '^lib/jobs/', pathNot: '^lib/jobs/(calendar/|control/pause-)' },
    },
    {
      name: 'lib/cli knows of leases what the table has',
      comment: 'Statements alone; everything else in lib/lease belongs to applications.',
      severity: 'error',
      from: { path: '^lib/cli/' },
      to: { path: '^lib/lease/', pathNot: '^lib/lease/(held-lease|once/once-records)\\.ts$' },
    },
    {
      name: 'lib/jobs/calendar imports core alone',
      severity: 'error',
      from: { path: '^lib/jobs/calendar/' },
      to: { pathNot: '^lib/(jobs/calendar/|core/index\\.ts$)' },
    },
    {
      name: 'core has one door',
      comment: 'Import from lib/core/index.ts.',
      severity: 'error',
      from: { pathNot: '^lib/core/' },
      to: { path: '^lib/core/', pathNot: '^lib/core/index\\.ts$' },
    },
    {
      name: 'core does not go out by its own door',
      severity: 'error',
      from: { path: '^lib/core/' },
      to: { path: '^lib/core/index\\.ts$' },
    },
    {
      name: 'index.ts is for users alone',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: '^lib/index\\.ts$' },
    },
    {
      name: 'every file of lib is in a known room',
      severity: 'error',
      from: { path: '^lib/', pathNot: `^lib/(index\\.ts$|${oneOf(ROOMS)}/)` },
      to: {},
    },
    {
      name: 'every file of core is in a known room',
      severity: 'error',
      from: {
        path: '^lib/core/',
        pathNot: `^lib/core/((index|lock-engine|lock-runtime)\\.ts$|${oneOf(CORE_ROOMS)}/)`,
      },
      to: {},
    },
    {
      name: 'lib imports nothing of the tests or the sample',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: '^(test|sample-app|scripts)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    // The page, which runs in browsers, what Prisma generates, and builds, which may be replaced meanwhile.
    exclude: {
      path: '^lib/dashboard/page/|^test/package/fixtures/prisma-graphql/src/prisma/|^sample-app/dist/',
    },
    combinedDependencies: true,
  },
};
