import { readFile } from 'node:fs/promises';
import { samplesOf } from '../../support/telemetry-sdk.js';

/** An expression in PromQL, and what shows its result. */
export interface MonitorExpression {
  /** The title of the panel, or the name of the alert. */
  readonly where: string;
  readonly expr: string;
  /** The labels of the result that a legend or an annotation uses. */
  readonly shown: readonly string[];
}

/** What Prometheus itself adds to each series that it scrapes. */
const TARGET_LABELS = ['job', 'instance'];

const folder = new URL('../../../docs/observability/', import.meta.url);

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
}

/** The expressions of the dashboard; those of its variables are `label_values(metric, label)`. */
export async function dashboardExpressions(): Promise<MonitorExpression[]> {
  const text = await readFile(new URL('grafana-dashboard.json', folder), 'utf8');
  const { panels, templating } = JSON.parse(text) as Dashboard;
  const ofPanels = panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({
      where: title,
      expr,
      shown: namesIn(/\{\{(\w+)\}\}/g, legendFormat),
    })),
  );
  const ofVariables = templating.list.flatMap(({ name, definition }) =>
    definition === undefined ? [] : [{ where: `$${name}`, expr: definition, shown: [] }],
  );
  return [...ofPanels, ...ofVariables];
}

/** The expressions of the alerts. */
export async function alertExpressions(): Promise<MonitorExpression[]> {
  const text = await readFile(new URL('prometheus-alerts.yml', folder), 'utf8');
  return text
    .split(/^ +- alert: /m)
    .slice(1)
    .map((rule) => {
      const [, folded, line] = /^ +expr: (?:>-\n((?: {10,}.*\n)+)|(.*)\n)/m.exec(rule) ?? [];
      return {
        where: rule.slice(0, rule.indexOf('\n')),
        expr: (folded ?? line ?? '').replace(/\s+/g, ' ').trim(),
        shown: namesIn(/\$labels\.(\w+)/g, rule),
      };
    });
}

/** The names of the metrics that an expression uses, as they are exported. */
export function metricsIn(expr: string): string[] {
  return selectorsIn(expr).map(({ metric }) => metric);
}

/**
 * What is wrong with an expression: each of its metrics, labels and values must be among what was exported.
 * It knows no more of PromQL than the expressions use.
 */
export function problemsOf({ where, expr, shown }: MonitorExpression, exported: string): string[] {
  const samples = samplesOf(exported);
  const selectors = selectorsIn(expr);
  const problems = selectors.length === 0 ? ['has no metric'] : [];
  const groups = groupsIn(expr);
  problems.push(
    ...shown.filter((label) => !groups.includes(label)).map((label) => `has no ${label} to show`),
  );
  for (const { metric, matchers, isCounted } of selectors) {
    const found = samples.filter(({ name }) => name === metric);
    if (found.length === 0) problems.push(`${metric} is not exported`);
    const family = metric.replace(/_(bucket|sum|count)$/, '');
    const type = new RegExp(`^# TYPE (${metric}|${family}) (\\w+)$`, 'm').exec(exported)?.[2];
    if (!isVariable(expr) && isCounted !== (type === 'counter' || type === 'histogram'))
      problems.push(`${metric} is a ${type ?? 'missing metric'}`);
    for (const { label, value } of matchers) {
      const isThere = found.some(({ labels }) =>
        value === undefined ? label in labels : labels[label] === value,
      );
      if (!isThere && !TARGET_LABELS.includes(label))
        problems.push(`${metric} has no ${label}="${value ?? ''}"`);
    }
    const labels = groups.filter((label) => !TARGET_LABELS.includes(label) && label !== 'le');
    for (const label of labels) {
      if (!found.some((sample) => label in sample.labels)) problems.push(`${metric} has no label ${label}`);
    }
  }
  const buckets = samples.filter(
    ({ name, labels }) => name.endsWith('_bucket') && metricsIn(expr).includes(name) && 'le' in labels,
  );
  if (
    expr.includes('histogram_quantile') !== groups.includes('le') ||
    (groups.includes('le') && buckets.length === 0)
  )
    problems.push('has no buckets for its quantile');
  return problems.map((problem) => `${where}: ${problem}`);
}

interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly value: string | undefined }[];
  /** Whether it is read with `rate()` or `increase()`. */
  readonly isCounted: boolean;
}

function selectorsIn(expr: string): Selector[] {
  const withoutGroups = expr.replace(isVariable(expr) ? /, \w+\)$/ : /\bby \([^)]*\)/g, '');
  const pattern = /(?:\b(rate|increase)\()?\b(advisory_lock_\w+)(?:\{([^}]*)\})?/g;
  return [...withoutGroups.matchAll(pattern)].map(([, counted, metric = '', matchers = '']) => ({
    metric,
    isCounted: counted !== undefined,
    // A variable of the dashboard stands for any value.
    matchers: [...matchers.matchAll(/(\w+)=(~?)"([^"]*)"/g)].map(([, label = '', isPattern, value]) => ({
      label,
      value: isPattern === '' ? value : undefined,
    })),
  }));
}

function groupsIn(expr: string): string[] {
  const pattern = isVariable(expr) ? /, (\w+)\)$/g : /\bby \(([^)]*)\)/g;
  return [...new Set(namesIn(pattern, expr).flatMap((names) => names.split(/, */)))];
}

function isVariable(expr: string): boolean {
  return expr.startsWith('label_values(');
}

function namesIn(pattern: RegExp, text: string): string[] {
  return [...text.matchAll(pattern)].map(([, name = '']) => name);
}
