/**
 * The tables of docs/config.md, and the keys of mailbearer.conf(5), made from what the program goes by: the
 * configuration's schema and the built-in providers.
 */
import { z } from 'zod';
import { configSchema } from '../../src/config/schema.js';
import { formatDuration } from '../../src/core/duration.js';
import { presets } from '../../src/providers/index.js';
import { type Row, table } from './manual-tables.js';

/** What is used of a JSON Schema. */
interface Schema {
  readonly description?: string;
  readonly default?: string | number | boolean | object;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly anyOf?: readonly Schema[];
}

/** A key, and what it means in Markdown. */
export type Key = readonly [name: string, meaning: string];

export function configurationTables(): Map<string, string> {
  const tables = [...configurationKeys()].map(([group, keys]) => {
    const rows = keys.map(([name, words]) => [code(name), words]);
    return [group, table(['key', 'meaning'], rows)] as const;
  });
  return new Map([['presets', presetTable()], ...tables]);
}

/** In groups by where they may stand. */
export function configurationKeys(): Map<string, readonly Key[]> {
  const root = z.toJSONSchema(configSchema, { io: 'input' }) as Schema;
  const top = keysOf(root);
  const providers = keysOf(top['providers']?.additionalProperties);
  const accounts = keysOf(top['accounts']?.additionalProperties);
  const listener = keysOf(objectAmong(keysOf(top['relay'])['listen']));
  const auth = keysOf(listener['auth']);
  const group = (keys: Readonly<Record<string, Schema>>) =>
    Object.entries(keys).map(([name, schema]): Key => [name, meaning(schema)]);
  return new Map([
    ['client', group(pick(providers, (name) => name in top))],
    ['top', group(pick(top, (name) => !(name in providers)))],
    ['provider', group(pick(providers, (name) => !(name in top)))],
    ['smtp', group(keysOf(providers['smtp']))],
    ['account', group(pick(accounts, (name) => !(name in providers)))],
    ['relay', group(keysOf(top['relay']))],
    ['listener', group(listener)],
    ['auth', group(auth)],
    ['oauth2', group(keysOf(auth['oauth2']))],
    ['limits', group(keysOf(keysOf(top['relay'])['limits']))],
    ['postgres', group(keysOf(top['postgres']))],
    ['status', group(keysOf(top['status']))],
    ['socketmap', group(keysOf(top['socketmap']))],
  ]);
}

function meaning({ description, default: usual, enum: words }: Schema): string {
  if (description === undefined) throw new Error('a key of the configuration has no description');
  const choice =
    words && `One of ${[...new Set(words.map((word) => word.toLowerCase()))].map(code).join(', ')}.`;
  const fallback =
    typeof usual === 'object' || usual === undefined ? undefined : `Default: ${code(String(usual))}.`;
  return [description, choice, fallback].filter(Boolean).join(' ');
}

function presetTable(): string {
  const rows = [...presets.values()].map((provider): Row => {
    const { name, title, smtp, tokenEndpoint, refreshWindowSeconds, minimumRefreshWindowSeconds } = provider;
    return [
      code(name),
      title,
      code(`${smtp?.host}:${smtp?.port}`),
      code(tokenEndpoint ?? ''),
      `${formatDuration(refreshWindowSeconds)}, at least ${formatDuration(minimumRefreshWindowSeconds)}`,
    ];
  });
  return table(['name', 'service', 'SMTP server', 'token endpoint', '`refresh_window`'], rows);
}

function code(text: string): string {
  return `\`${text}\``;
}

function keysOf(schema: Schema | undefined): Readonly<Record<string, Schema>> {
  if (schema?.properties === undefined) throw new Error('the schema has no keys where it should');
  return schema.properties;
}

/** Of a key whose value may be of several kinds. */
function objectAmong(schema: Schema | undefined): Schema | undefined {
  if (schema?.anyOf === undefined) return schema?.properties && schema;
  return schema.anyOf.map(objectAmong).find((found) => found !== undefined);
}

function pick(
  keys: Readonly<Record<string, Schema>>,
  choose: (name: string) => boolean,
): Record<string, Schema> {
  return Object.fromEntries(Object.entries(keys).filter(([name]) => choose(name)));
}
