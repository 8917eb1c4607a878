/** One row of the measurement: a fleet, and what it does. */
export interface Cell {
  readonly instances: number;
  /** Of each instance; every job has a tick each minute. */
  readonly jobs: number;
  readonly load: 'idle' | 'hot';
}

/** What had happened until a moment. */
export interface Reading {
  readonly atMs: number;
  readonly serverCpuMs: number;
  /** Of all instances. */
  readonly instancesCpuMs: number;
  readonly statements: number;
  readonly bytes: number;
  readonly turns: number;
  readonly runs: number;
}

export interface Figures {
  /** 1 is a whole core. */
  readonly serverCpu: number;
  /** Of one instance. */
  readonly instanceCpu: number;
  /** The others are a second, and of the whole fleet. */
  readonly statements: number;
  readonly bytes: number;
  readonly turns: number;
  readonly runs: number;
}

export type MeasuredCell = Cell & { readonly figures: Figures };

export function figuresBetween(before: Reading, after: Reading, instances: number): Figures {
  const seconds = (after.atMs - before.atMs) / 1_000;
  const rate = (field: keyof Reading): number => (after[field] - before[field]) / seconds;
  return {
    serverCpu: rate('serverCpuMs') / 1_000,
    instanceCpu: rate('instancesCpuMs') / 1_000 / instances,
    statements: rate('statements'),
    bytes: rate('bytes'),
    turns: rate('turns'),
    runs: rate('runs'),
  };
}

/** Less is within what measurements differ by. */
const LINEAR_WITHIN = 0.15;

/** What a fleet costs in total, and from which value on it can be compared. */
const COSTS = [
  { title: 'CPU of the server', unit: 0.005, of: ({ figures }: MeasuredCell) => figures.serverCpu },
  {
    title: 'CPU of all instances',
    unit: 0.005,
    of: ({ figures, instances }: MeasuredCell) => figures.instanceCpu * instances,
  },
  { title: 'statements', unit: 0.1, of: ({ figures }: MeasuredCell) => figures.statements },
  { title: 'bytes', unit: 100, of: ({ figures }: MeasuredCell) => figures.bytes },
];

export interface Growth {
  readonly title: string;
  readonly from: MeasuredCell;
  readonly to: MeasuredCell;
  /** A cost grows as the number of instances to the power of it: 1 is linear, 2 is as the square. */
  readonly exponent: number;
}

/** The cost of each fleet beside that of the next larger one with the same jobs and load. */
export function growths(cells: readonly MeasuredCell[]): Growth[] {
  return cells.flatMap((from) => {
    const larger = cells.filter(
      ({ instances, jobs, load }) => instances > from.instances && jobs === from.jobs && load === from.load,
    );
    const [to] = larger.sort((one, other) => one.instances - other.instances);
    if (to === undefined) return [];
    return COSTS.filter(({ of, unit }) => of(from) >= unit).map(({ title, of }) => ({
      title,
      from,
      to,
      exponent: Math.log(of(to) / of(from)) / Math.log(to.instances / from.instances),
    }));
  });
}

/** What grows faster than the number of instances, the fastest first. */
export function fasterThanLinear(cells: readonly MeasuredCell[]): Growth[] {
  return growths(cells)
    .filter(({ exponent }) => exponent > 1 + LINEAR_WITHIN)
    .sort((one, other) => other.exponent - one.exponent);
}
