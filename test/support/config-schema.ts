/**
 * docs/config.schema.json, by which editors check and complete a configuration: the schema that the program goes by,
 * with the places where a secret may stand instead, which are looked up before the program checks.
 */
import { z } from 'zod';
import { configSchema } from '../../src/config/schema.js';
import { referableKeys, secretPlaces } from '../../src/config/secret-references.js';

type Json = Readonly<Record<string, unknown>>;

export function configJsonSchema(): Json {
  const { $schema, ...schema } = z.toJSONSchema(configSchema, { io: 'input' });
  return {
    $schema,
    title: 'The configuration of mailbearer',
    ...(withReferences(schema) as Json),
    $defs: { secretReference: { description: 'Where a secret stands.', oneOf: secretPlaces.map(place) } },
  };
}

function place(name: string): Json {
  const value = { type: 'string', minLength: 1 };
  return { type: 'object', properties: { [name]: value }, required: [name], additionalProperties: false };
}

/** The same with `{ "file": … }` and its like allowed for each secret. */
function withReferences(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withReferences);
  if (!isObject(schema)) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => {
      if (!referableKeys.has(key) || !isObject(value)) return [key, withReferences(value)];
      const { description, ...plain } = value;
      return [key, { description, anyOf: [plain, { $ref: '#/$defs/secretReference' }] }];
    }),
  );
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}
