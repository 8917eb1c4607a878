import type { Figures, MeasuredCell } from './figures.js';

interface Panel {
  readonly title: string;
  readonly of: (figures: Figures) => number;
  /** The slope of what grows linearly with the fleet; what each instance costs is then flat. */
  readonly linearSlope: number;
}

const PANELS: readonly Panel[] = [
  { title: 'CPU of the server, % of a core', of: ({ serverCpu }) => serverCpu * 100, linearSlope: 1 },
  { title: 'CPU of an instance, % of a core', of: ({ instanceCpu }) => instanceCpu * 100, linearSlope: 0 },
  { title: 'statements a second', of: ({ statements }) => statements, linearSlope: 1 },
  { title: 'bytes a second', of: ({ bytes }) => bytes, linearSlope: 1 },
];

const [WIDTH, PANEL_WIDTH, PANEL_HEIGHT] = [760, 380, 230];
const MARGIN = { left: 56, right: 20, top: 34, bottom: 40 };
const LEGEND_HEIGHT = 56;

/** Blue and orange stay apart for readers who do not see all colors; the load has another dash. */
const STYLE = `
    text { font: 12px system-ui, sans-serif; fill: #1f2328; }
    .title { font-weight: 600; }
    .background { fill: #ffffff; }
    .grid { stroke: #d1d9e0; }
    .linear { stroke: #818b98; stroke-dasharray: 1 4; stroke-width: 1.5; }
    .line { fill: none; stroke-width: 2; }
    .hot { stroke-dasharray: 6 3; }
    .series-0 { stroke: #0550ae; } .dot-0 { fill: #0550ae; }
    .series-1 { stroke: #bc4c00; } .dot-1 { fill: #bc4c00; }
    .series-2 { stroke: #1a7f37; } .dot-2 { fill: #1a7f37; }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc; }
      .background { fill: #0d1117; }
      .grid { stroke: #3d444d; }
      .linear { stroke: #9198a1; }
      .series-0 { stroke: #79c0ff; } .dot-0 { fill: #79c0ff; }
      .series-1 { stroke: #ffa657; } .dot-1 { fill: #ffa657; }
      .series-2 { stroke: #7ee787; } .dot-2 { fill: #7ee787; }
    }`;

interface Series {
  readonly jobs: number;
  readonly load: string;
  readonly color: number;
  readonly cells: readonly MeasuredCell[];
}

/** Maps a value to a pixel by its logarithm. */
type Scale = (value: number) => number;

/** An SVG for light and dark pages: both axes are logarithmic, so that a slope is an exponent of growth. */
export function drawChart(cells: readonly MeasuredCell[]): string {
  const series = seriesOf(cells);
  const panels = PANELS.map((panel, n) => {
    const [x, y] = [(n % 2) * PANEL_WIDTH, LEGEND_HEIGHT + Math.floor(n / 2) * PANEL_HEIGHT];
    return `  <g transform="translate(${x} ${y})">\n${drawPanel(panel, series)}\n  </g>`;
  });
  const height = LEGEND_HEIGHT + (PANELS.length / 2) * PANEL_HEIGHT;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" role="img"
  aria-label="What a fleet costs, by the number of its instances">
  <style>${STYLE}
  </style>
  <rect class="background" width="${WIDTH}" height="${height}" />
${drawLegend(series)}
${panels.join('\n')}
</svg>
`;
}

function seriesOf(cells: readonly MeasuredCell[]): Series[] {
  const jobCounts = [...new Set(cells.map(({ jobs }) => jobs))];
  return jobCounts.flatMap((jobs, color) =>
    ['idle', 'hot'].map((load) => ({
      jobs,
      load,
      color: color % 3,
      cells: cells
        .filter((cell) => cell.jobs === jobs && cell.load === load)
        .sort((one, other) => one.instances - other.instances),
    })),
  );
}

function drawLegend(series: readonly Series[]): string {
  const entries = [
    ...series.map(({ jobs, load, color }) => ({
      line: `line ${load} series-${color}`,
      label: `${jobs} jobs, ${load}`,
    })),
    { line: 'linear', label: 'linear growth' },
  ];
  return entries
    .map(({ line, label }, n) => {
      const x = 20 + (n % 5) * 148;
      const y = 22 + Math.floor(n / 5) * 20;
      return (
        `  <path class="${line}" d="M${x} ${y}h26" />\n` +
        `  <text x="${x + 32}" y="${y + 4}">${label}</text>`
      );
    })
    .join('\n');
}

function drawPanel({ title, of, linearSlope }: Panel, series: readonly Series[]): string {
  const all = series.flatMap(({ cells }) => cells);
  const sizes = [...new Set(all.map(({ instances }) => instances))].sort((one, other) => one - other);
  const values = all.map(({ figures }) => of(figures)).filter((value) => value > 0);
  const [low, high] = [decade(Math.min(...values), Math.floor), decade(Math.max(...values), Math.ceil)];
  const x = scale(sizes[0] ?? 1, sizes.at(-1) ?? 1, MARGIN.left + 12, PANEL_WIDTH - MARGIN.right);
  const y = scale(low, high, PANEL_HEIGHT - MARGIN.bottom, MARGIN.top);
  return [
    `    <text class="title" x="${MARGIN.left}" y="22">${title}</text>`,
    ...decadesBetween(low, high).flatMap((value) => [
      `    <path class="grid" d="M${MARGIN.left} ${px(y(value))}H${PANEL_WIDTH - MARGIN.right}" />`,
      `    <text x="${MARGIN.left - 8}" y="${px(y(value) + 4)}" text-anchor="end">${axisLabel(value)}</text>`,
    ]),
    ...sizes.map(
      (size) =>
        `    <text x="${px(x(size))}" y="${PANEL_HEIGHT - MARGIN.bottom + 18}" text-anchor="middle">` +
        `${size}</text>`,
    ),
    `    <text x="${px((MARGIN.left + PANEL_WIDTH) / 2)}" y="${PANEL_HEIGHT - 6}" text-anchor="middle">` +
      'instances</text>',
    ...drawLinear(of, linearSlope, all, high, x, y),
    ...series.flatMap(({ load, color, cells }) => {
      const points = cells
        .filter(({ figures }) => of(figures) > 0)
        .map((cell) => [px(x(cell.instances)), px(y(of(cell.figures)))] as const);
      const line = points.map((at) => at.join(' ')).join('L');
      return [
        `    <path class="line ${load} series-${color}" d="M${line}" />`,
        ...points.map(([cx, cy]) => `    <circle class="dot-${color}" cx="${cx}" cy="${cy}" r="3" />`),
      ];
    }),
  ].join('\n');
}

/** From the lowest figure of the smallest fleet on, as far as the panel goes. */
function drawLinear(
  of: Panel['of'],
  slope: number,
  cells: readonly MeasuredCell[],
  high: number,
  x: Scale,
  y: Scale,
): string[] {
  const sizes = cells.map(({ instances }) => instances);
  const [first, last] = [Math.min(...sizes), Math.max(...sizes)];
  const start = Math.min(
    ...cells.filter((cell) => cell.instances === first).map(({ figures }) => of(figures)),
  );
  const end = slope === 0 ? last : Math.min(last, first * (high / start));
  if (!(start > 0)) return [];
  const at = (size: number): string => `${px(x(size))} ${px(y(start * (size / first) ** slope))}`;
  return [`    <path class="linear" d="M${at(first)}L${at(end)}" />`];
}

function scale(from: number, to: number, start: number, end: number): Scale {
  const span = Math.log(to / from) || 1;
  return (value) => start + (Math.log(value / from) / span) * (end - start);
}

function decade(value: number, round: (exponent: number) => number): number {
  return 10 ** round(Math.log10(value));
}

function decadesBetween(low: number, high: number): number[] {
  const first = Math.round(Math.log10(low));
  return Array.from({ length: Math.round(Math.log10(high)) - first + 1 }, (_, n) => 10 ** (first + n));
}

function px(value: number): string {
  return value.toFixed(1);
}

function axisLabel(value: number): string {
  if (value >= 1_000_000) return `${value / 1_000_000}M`;
  return value >= 1_000 ? `${value / 1_000}k` : String(Number(value.toPrecision(1)));
}
