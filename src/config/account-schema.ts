/**
 * What `accounts`, `providers` and, in part, the top level of a configuration file say of how tokens are got and where
 * mail is submitted, each key with the sentence that the reference manual prints for it.
 */
import { z } from 'zod';
import { Secret } from '../core/secret.js';
import {
  command,
  count,
  credential,
  endpoint,
  flag,
  oneOf,
  oneOrMore,
  path,
  proxy,
  read,
  scalar,
  section,
  text,
} from './schema-values.js';
import {
  durationExpected,
  isLoopbackHost,
  parseAbsolutePath,
  parseDate,
  parseRefreshWindow,
  parseSender,
} from './values.js';

export const clientShape = {
  client_id: credential.optional().describe('Client (application) id at the provider.'),
  client_secret: credential
    .transform((value) => new Secret(value))
    .optional()
    .describe(
      'Client secret; "" or absent for a public client, which sends none. It may stand elsewhere: { "file": "/path" },' +
        ' { "env": "NAME" }, or { "credential": "NAME" } of systemd or Docker.',
    ),
  secret_expires: read(text, parseDate)
    .optional()
    .describe(
      'Day on which the client secret expires, "YYYY-MM-DD": it is warned of 14, 7 and 1 days before.',
    ),
  token_endpoint: endpoint
    .optional()
    .describe(
      "URL that gives and refreshes tokens; https, or http on this machine. By default the provider's.",
    ),
  refresh_window: read(scalar(durationExpected), parseRefreshWindow)
    .optional()
    .describe(
      'Refresh when this much of a token\'s life is left: seconds, or a duration such as "10m". Raised to the' +
        " provider's minimum, capped at half of the token's life; 0 means not set.",
    ),
  proxy: proxy
    .optional()
    .describe(
      'http or https URL of a proxy for the token endpoint; "" for none. SMTP never uses it. With a password in it, it' +
        ' may stand elsewhere, as client_secret.',
    ),
  ca_bundle_file: text
    .optional()
    .describe(
      'PEM file of the authorities trusted, in place of the built-in ones, by token endpoint and SMTP.',
    ),
  ca_certs_dir: text
    .optional()
    .describe('Directory of PEM files, in place of ca_bundle_file; only one of the two may be set.'),
};

const portExpected = 'expected a port number from 1 to 65535';
export const smtpShape = {
  host: z
    .string({ error: 'expected a host name' })
    .regex(/^[^\s:/@[\]]+$|^[0-9a-f:]+$/i, 'expected a host name')
    .optional()
    .describe('Name or address of the server, without brackets.'),
  port: z
    .int({ error: portExpected })
    .min(1, portExpected)
    .max(65_535, portExpected)
    .optional()
    .describe('By default 587, or 465 with implicit TLS.'),
  tls: oneOf('starttls', 'implicit', 'none')
    .optional()
    .describe('How TLS starts; "none" is for servers on this machine only. By default implicit on port 465.'),
};

const smtp = section(smtpShape).check(({ value, issues }) => {
  if (value.tls !== 'none' || value.host === undefined || isLoopbackHost(value.host)) return;
  const message = '"none" would send tokens in clear; it is for servers on this machine only';
  issues.push({ code: 'custom', message, input: value.tls, path: ['tls'] });
});

const grantShape = {
  grant: oneOf('refresh_token', 'client_credentials', 'service_account', 'command')
    .optional()
    .describe(
      'How tokens are got: by the refresh token of a sign-in, by the application itself, by a Google service' +
        ' account, or from another program. By default "refresh_token".',
    ),
  certificate_file: path
    .optional()
    .describe('Absolute path of the PEM certificate of the application, in place of client_secret.'),
  key_file: path.optional().describe('Absolute path of the PEM key that belongs to certificate_file.'),
  key_passphrase: text
    .transform((value) => new Secret(value))
    .optional()
    .describe('Passphrase of key_file, when it has one; it may stand elsewhere, as client_secret.'),
  service_account_file: path
    .optional()
    .describe('Absolute path of the JSON key that Google hands out for a service account.'),
  token_command: command
    .optional()
    .describe(
      'Program that prints an access token, or JSON with access_token and expires_in: a string for the shell, or' +
        ' a list of program and arguments.',
    ),
};

const storeShape = {
  token_store: oneOf('file', 'keyring')
    .optional()
    .describe(
      'Where refresh token and client secret are kept: in the token file, or in the keyring of the desktop. By' +
        ' default "file".',
    ),
};

export const providerShape = {
  ...clientShape,
  ...grantShape,
  ...storeShape,
  authorization_endpoint: endpoint.optional().describe('URL that a person signs in at.'),
  device_authorization_endpoint: endpoint.optional().describe('URL that starts the device flow.'),
  issuer: endpoint
    .optional()
    .describe(
      'Issuer of an OpenID provider, as it calls itself: says where the endpoints are that are not named here.',
    ),
  revocation_endpoint: endpoint
    .optional()
    .describe('URL that ends a sign-in (RFC 7009), for `revoke`; by default what the issuer names.'),
  scope: text
    .optional()
    .describe(
      'What is asked for at sign-in, words separated by spaces; Microsoft is told it at each refresh, too.',
    ),
  smtp: smtp.optional().describe('The submission server.'),
  mechanism: z
    .enum(['xoauth2', 'oauthbearer', 'XOAUTH2', 'OAUTHBEARER'], {
      error: 'expected "xoauth2" or "oauthbearer"',
    })
    .transform((word) => word.toLowerCase() as Lowercase<typeof word>)
    .optional()
    .describe('SASL mechanism; by default XOAUTH2 where the server offers it, else OAUTHBEARER.'),
  max_sessions: count.optional().describe('Sessions at once with the SMTP server, for one mailbox.'),
  messages_per_minute: count.optional().describe('Messages that one mailbox may submit in any minute.'),
  logins_per_minute: count.optional().describe('Sign-ins of one mailbox at the SMTP server in any minute.'),
};

export const accountShape = {
  ...providerShape,
  provider: z
    .string({ error: 'expected the name of a provider' })
    .optional()
    .describe('Name of a preset or of an entry in `providers`; by default known by the token endpoint.'),
  user: text
    .optional()
    .describe('Login name at the SMTP server; by default the key or the name of the token file.'),
  debug: flag
    .default(false)
    .describe(
      'Whether the log tells of this account alone what `trace` tells of all: its dialogue with the SMTP server.',
    ),
  senders: oneOrMore(parseSender)
    .optional()
    .describe('Addresses ("a@b") and domains ("@b") whose mail goes out through this account.'),
  token_file: read(text, parseAbsolutePath)
    .optional()
    .describe("Absolute path of the token file, when it is not in `token_dir` under the account's name."),
};

type TrustSources = { ca_bundle_file?: string | undefined; ca_certs_dir?: string | undefined };

export function oneTrustSource({ value, issues }: z.core.ParsePayload<TrustSources>): void {
  if (!value.ca_bundle_file || !value.ca_certs_dir) return;
  const message = 'excludes ca_bundle_file; keep only one of the two';
  issues.push({ code: 'custom', message, input: value.ca_certs_dir, path: ['ca_certs_dir'] });
}
