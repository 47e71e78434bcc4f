/**
 * The examples for Prometheus and Grafana, held against the names and labels that a daemon really shows, and all of it
 * against Prometheus' own judge, promtool.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { afterwards } from '../relay/scene.js';
import { unpackedDirectory } from '../support/debian-machine.js';
import { temporaryDirectory } from '../support/process.js';
import { ask, shownDaemon } from '../status/daemon.js';
import { unpackedMissing } from './requirements.js';

const examples = fileURLToPath(new URL('../../examples', import.meta.url));
const rules = join(examples, 'prometheus/mailbearer.rules.yml');
const promtool = join(unpackedDirectory('prometheus'), 'usr/bin/promtool');

interface Dashboard {
  readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
}
const dashboard = JSON.parse(readFileSync(join(examples, 'grafana/mailbearer.json'), 'utf8')) as Dashboard;

const sources: Readonly<Record<string, readonly string[]>> = {
  'the alerts': readFileSync(rules, 'utf8').match(/(?<=expr: )(?:>-\n(?: {10}.*\n)+|.*)/g) ?? [],
  'the dashboard': dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
};

let text: string;
beforeEach(async () => {
  text = (await ask((await shownDaemon()).where, '/metrics')).body;
});

describe.each(Object.keys(sources))('%s', (name) => {
  const expressions = sources[name]!;

  it('ask for metrics that there are', () => {
    const named = expressions.flatMap((each) => each.match(/\b(?:mailbearer|nodejs|process)_\w+/g) ?? []);
    const shown = new Set(text.match(/^[a-z]\w+(?=[{ ])/gm));
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((metric) => !shown.has(metric))).toEqual([]);
  });

  it('ask for states, outcomes and codes that there are', () => {
    const asked = expressions.flatMap((each) =>
      [...each.matchAll(/(state|outcome|class|code)=~?"([^"]+)"/g)].flatMap(([, label, values = '']) =>
        values.split('|').map((value) => `${label}="${value}"`),
      ),
    );
    const shown: readonly string[] = text.match(/\w+="[^"]*"/g) ?? [];
    expect(asked.length).toBeGreaterThan(1);
    expect(asked.filter((pair) => !shown.includes(pair))).toEqual([]);
  });
});

describe.skipIf(unpackedMissing('prometheus'))('promtool', () => {
  it('takes the configuration with its alerts', () => {
    const said = execFileSync(promtool, ['check', 'config', join(examples, 'prometheus/prometheus.yml')]);
    expect(String(said)).toMatch(/SUCCESS: \d+ rules found/);
  });

  it('takes the queries of the dashboard', async () => {
    const queries = sources['the dashboard']!.map((expr, index) => ({
      record: `dashboard:query${index}`,
      expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*'),
    }));
    const root = await temporaryDirectory();
    afterwards(() => root.remove());
    const file = join(root.path, 'rules.json');
    await writeFile(file, JSON.stringify({ groups: [{ name: 'dashboard', rules: queries }] }));
    const said = execFileSync(promtool, ['check', 'rules', file]);
    expect(String(said)).toContain(`SUCCESS: ${queries.length} rules found`);
  });

  it('finds nothing in the metrics that is against the conventions', () => {
    const own = text.split(/\n\n/).filter((metric) => metric.startsWith('# HELP mailbearer_'));
    expect(own.length).toBeGreaterThan(15);
    execFileSync(promtool, ['check', 'metrics'], { input: `${own.join('\n')}\n` });
  });
});
