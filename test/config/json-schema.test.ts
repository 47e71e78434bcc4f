/** What editors say of a configuration by docs/config.schema.json, held against what the program says of it. */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/parse.js';
import { resolveSecrets } from '../../src/config/secret-references.js';

const text = readFileSync(new URL('../../docs/config.schema.json', import.meta.url), 'utf8');
// Strict: a word that means nothing in a schema is an error, and so is a schema that is none.
const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(JSON.parse(text) as object);

/** Whether the program takes it without a word, with its secrets where they are said to be. */
async function isUnderstood(json: unknown): Promise<boolean> {
  try {
    const env = { SECRET: 's3cret', CREDENTIALS_DIRECTORY: '/proc/self' };
    const resolved = await resolveSecrets(json, { env, source: 'c.json' });
    return parseConfig(resolved.json, undefined).warnings.length === 0;
  } catch {
    return false;
  }
}

describe('the schema for editors', () => {
  it.each([
    [{}],
    [{ $schema: './config.schema.json' }],
    [{ client_secret: '' }],
    [{ client_secret: { env: 'SECRET' } }],
    [{ client_secret: { file: '/proc/self/comm' } }],
    [{ client_secret: { credential: 'comm' } }],
    [
      {
        accounts: { 'a@b': { key_passphrase: { env: 'SECRET' }, token_command: ['oama', 'access', 'a@b'] } },
      },
    ],
    [{ providers: { own: { client_secret: { env: 'SECRET' }, smtp: { host: 'mx.example', port: 465 } } } }],
    [{ log_full_trace_on_failure: true, always_log_to_syslog: 'no', refresh_window: 600 }],
    [{ relay: { listen: ['127.0.0.1:25', '[::1]:25'], limits: { connections: 5, data_timeout: '5m' } } }],
    [
      {
        relay: {
          listen: [
            '127.0.0.1:2525',
            {
              address: '0.0.0.0:587',
              tls: 'starttls',
              certificate_file: '/etc/mail.pem',
              clients: ['192.0.2.0/24', '2001:db8::/32'],
              accounts: 'a@b',
              auth: { required: true },
            },
          ],
        },
      },
    ],
    [{ accounts: { 'a@b': { mechanism: 'XOAUTH2', senders: '@b', grant: 'client_credentials' } } }],
  ])('allows what the program understands: %j', async (json) => {
    expect([validate(json), await isUnderstood(json)]).toEqual([true, true]);
  });

  it.each([
    [{ cleint_id: 'x' }],
    [{ client_id: ['x'] }],
    [{ client_secret: { vault: 'x' } }],
    [{ client_secret: { env: 'SECRET', file: '/x' } }],
    [{ client_id: { env: 'SECRET' } }],
    [{ accounts: [] }],
    [{ accounts: { 'a@b': { grant: 'password' } } }],
    [{ accounts: { 'a@b': { smtp: { hots: 'mx.example' } } } }],
    [{ providers: { own: { smtp: { host: 'mx.example', port: 0 } } } }],
    [{ relay: { unknown_sender: 'bounce' } }],
    [{ relay: { limits: { connections: 1.5 } } }],
  ])('refuses what the program refuses or does not know: %j', async (json) => {
    expect([validate(json), await isUnderstood(json)]).toEqual([false, false]);
  });
});
