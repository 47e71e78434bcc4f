/**
 * `relay.listen` in a configuration file: addresses, or objects that say more of a port, each key with the sentence
 * that the reference manual prints for it.
 */
import { z } from 'zod';
import { exposureOf, type ListenerSettings, parseNetwork, plainListener } from './listener.js';
import { listenerAuth, toListenerAuth } from './listener-auth-schema.js';
import { closedSection, flag, oneOf, oneOrMore, path, read } from './schema-values.js';
import { type Parsed, parseListenAddress } from './values.js';

export const listenerShape = {
  address: read(z.string({ error: 'expected "host:port"' }), parseListenAddress).describe(
    '"host:port", such as "127.0.0.1:2525" or "[::]:587".',
  ),
  tls: oneOf('none', 'starttls', 'implicit', 'auto')
    .default('none')
    .describe(
      'How TLS starts: never, by STARTTLS, at once, or on one port as each client does (then others wait half a' +
        ' second for the greeting).',
    ),
  certificate_file: path
    .optional()
    .describe('Absolute path of the PEM certificate with its chain; read again when it changes.'),
  key_file: path
    .optional()
    .describe('Absolute path of the PEM key; by default certificate_file, which then holds both.'),
  clients: oneOrMore(parseNetwork)
    .optional()
    .describe('Addresses and networks that may connect, such as "192.0.2.0/24". By default all.'),
  accounts: oneOrMore((name): Parsed<string> => ({ value: name }))
    .optional()
    .describe('Names of the accounts that may be used. By default all.'),
  auth: listenerAuth.optional().describe('How clients sign in. By default they do not.'),
  insecure: flag
    .default(false)
    .describe('Whether a port that other machines reach may do without TLS and AUTH.'),
};

const detailed = closedSection(listenerShape)
  .check(({ value, issues }) => {
    const { certificate_file, tls } = value;
    const report = (key: keyof typeof value, message: string) =>
      issues.push({ code: 'custom', message, input: value[key], path: [key] });
    if (tls !== 'none' && certificate_file === undefined) report('tls', `"${tls}" needs certificate_file`);
    if (tls === 'none' && (certificate_file ?? value.key_file) !== undefined)
      report('tls', 'a certificate means nothing without "starttls", "implicit" or "auto"');
    const exposure = exposureOf({ ...value.address, ...value });
    if (exposure !== undefined) report('address', exposure);
  })
  .transform((raw): ListenerSettings => {
    const { certificate_file: certificateFile, key_file: keyFile = certificateFile } = raw;
    return {
      ...raw.address,
      tls: raw.tls,
      certificate:
        certificateFile === undefined || keyFile === undefined ? undefined : { certificateFile, keyFile },
      clients: raw.clients,
      accounts: raw.accounts,
      insecure: raw.insecure,
      auth: raw.auth && toListenerAuth(raw.auth),
    };
  });

const bare = read(z.string(), (text): Parsed<ListenerSettings> => {
  const address = parseListenAddress(text);
  if ('problem' in address) return address;
  const listener = plainListener(address.value);
  const problem = exposureOf(listener);
  return problem === undefined ? { value: listener } : { problem };
});

const entry = z.union([bare, detailed], { error: 'expected "host:port" or an object' });

export const listeners = z
  .union([entry, z.array(entry)], { error: 'expected "host:port", an object, or a list of them' })
  .transform((value): readonly ListenerSettings[] => [value].flat());
