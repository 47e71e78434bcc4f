/** The tables of docs/metrics.md: our own metrics from their table, those of the process as prom-client registers them. */
import { collectDefaultMetrics, Registry } from 'prom-client';
import { metrics } from '../../src/status/metrics.js';
import { table } from './manual-tables.js';

export function metricsTables(): ReadonlyMap<string, string> {
  const own = metrics.map(({ help, kind, labels = [], name }) => [
    code(name),
    kind,
    labels.map(code).join(', '),
    help,
  ]);
  return new Map([
    ['own', table(['metric', 'kind', 'labels', 'meaning'], own)],
    ['process', table(['metric', 'meaning'], processMetrics())],
  ]);
}

/** Those that are the same on every machine; the versions of Node and the spaces of its heap come with labels. */
function processMetrics(): string[][] {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry
    .getMetricsAsArray()
    .map(({ help, name }) => [code(name), help])
    .toSorted(([a = ''], [b = '']) => a.localeCompare(b));
}

function code(text: string): string {
  return `\`${text}\``;
}
