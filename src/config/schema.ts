/**
 * The JSON that a configuration file may hold, key by key, each with the sentence that the reference manual
 * prints for it. Checks one entry at a time; what spans entries, such as a sender
 * claimed twice, is parse.ts's. Unknown keys are told apart from errors: a typo must be named, not fatal.
 */
import { z } from 'zod';
import { Secret } from '../core/secret.js';
import { limitsShape } from './limits-schema.js';
import { listenerAuthShape } from './listener-auth-schema.js';
import { listeners, listenerShape } from './listener-schema.js';
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
  switchable,
  text,
} from './schema-values.js';
import { statusShape } from './status-schema.js';
import {
  durationExpected,
  isLoopbackHost,
  parseAbsolutePath,
  parseDate,
  parseRefreshWindow,
  parseSender,
} from './values.js';

const clientShape = {
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
const smtpShape = {
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

const providerShape = {
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

const accountShape = {
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

const relayShape = {
  listen: listeners
    .optional()
    .describe(
      'Where to take mail: "host:port", an object that says more of a port, or a list. By default 127.0.0.1:2525' +
        ' and [::1]:2525; [] for nowhere.',
    ),
  unknown_sender: oneOf('defer', 'reject')
    .default('defer')
    .describe('Whether mail of a sender that no account serves is deferred (450) or refused (550).'),
  bare_newlines: oneOf('defuse', 'reject')
    .default('defuse')
    .describe('Whether a bare CR or LF only loses its power to end a message, or is refused.'),
  limits: section(limitsShape).prefault({}).describe('What one client may do.'),
};

type TrustSources = { ca_bundle_file?: string | undefined; ca_certs_dir?: string | undefined };

function oneTrustSource({ value, issues }: z.core.ParsePayload<TrustSources>): void {
  if (!value.ca_bundle_file || !value.ca_certs_dir) return;
  const message = 'excludes ca_bundle_file; keep only one of the two';
  issues.push({ code: 'custom', message, input: value.ca_certs_dir, path: ['ca_certs_dir'] });
}

const rootShape = {
  ...clientShape,
  $schema: text
    .optional()
    .describe('Address of config.schema.json, by which editors check and complete the file. Not read here.'),
  ...storeShape,
  token_dir: oneOrMore(parseAbsolutePath)
    .optional()
    .describe(
      'Directory of token files, or a list. By default /etc/tokens and /var/spool/postfix/etc/tokens.',
    ),
  providers: z
    .record(z.string(), section(providerShape).check(oneTrustSource), { error: 'expected an object' })
    .default({})
    .describe('Providers of your own by name; an entry named like a preset changes fields of that preset.'),
  accounts: z
    .record(z.string(), section(accountShape).check(oneTrustSource), { error: 'expected an object' })
    .default({})
    .describe('Settings of single accounts, by the name of the token file or by login name.'),
  state_dir: path
    .optional()
    .describe(
      'Directory of state.json, which holds only what may be lost; another one counts after a restart. By default $STATE_DIRECTORY (of systemd), else' +
        ' /var/lib/mailbearer, if writable, else $XDG_STATE_HOME/mailbearer or ~/.local/state/mailbearer.',
    ),
  on_event: command
    .optional()
    .describe(
      'Program that gets each event of `serve` as JSON on standard input: a string for the shell, or a list of' +
        ' program and arguments.',
    ),
  default_account: text
    .optional()
    .describe('Account for senders that no other account serves, the null sender too.'),
  relay: section(relayShape).prefault({}).describe('The SMTP relay.'),
  status: section(statusShape).prefault({}).describe('What the daemon shows of itself over HTTP.'),
  log_level: oneOf('trace', 'debug', 'info', 'warn', 'error', 'silent')
    .optional()
    .describe('By default "info", or what the three switches of sasl-xoauth2 amount to.'),
  log_to_syslog_on_failure: switchable
    .default(true)
    .describe('As in sasl-xoauth2.conf; "no" means log level "error".'),
  log_full_trace_on_failure: switchable
    .default(false)
    .describe('As in sasl-xoauth2.conf; "yes" means log level "debug".'),
  always_log_to_syslog: switchable
    .default(false)
    .describe('As in sasl-xoauth2.conf; "yes" means log level "debug".'),
};

/** The whole file. `z.toJSONSchema(configSchema, { io: 'input' })` gives manual, man page and docs/config.schema.json their keys. */
export const configSchema = section(rootShape).check(oneTrustSource);

export type RawConfig = z.output<typeof configSchema>;
export type RawAccount = NonNullable<RawConfig['accounts'][string]>;
export type RawProvider = NonNullable<RawConfig['providers'][string]>;

export type Path = readonly PropertyKey[];

export interface Checked {
  /** Undefined when there are problems. */
  readonly value: RawConfig | undefined;
  readonly problems: readonly { readonly path: Path; readonly problem: string }[];
  /** Keys that mean nothing here, and those that would. */
  readonly unknown: readonly {
    readonly path: Path;
    readonly key: string;
    readonly known: readonly string[];
  }[];
}

/** Holds parsed JSON against the schema. Never throws. */
export function checkShape(json: unknown): Checked {
  const unknown: { path: Path; key: string; known: string[] }[] = [];
  const kept = structuredClone(json);
  for (const issue of issuesOf(json).issues) {
    if (issue.code !== 'unrecognized_keys') continue;
    for (const key of issue.keys) {
      unknown.push({ path: issue.path, key, known: Object.keys(shapeAt(issue.path)) });
      delete objectAt(kept, issue.path)[key];
    }
  }
  const { data, issues } = issuesOf(kept);
  return { value: data, problems: issues.map(({ path, message }) => ({ path, problem: message })), unknown };
}

type Issue = z.core.$ZodIssue;

function issuesOf(json: unknown): { data: RawConfig | undefined; issues: readonly Issue[] } {
  const { data, error } = configSchema.safeParse(json);
  return { data, issues: (error?.issues ?? []).flatMap(chosen) };
}

/** Where a value may be of several kinds: what is wrong with it as the kind that it is. */
function chosen(issue: Issue): readonly Issue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const [meant, ...others] = issue.errors.filter((issues) => !issues.some(isOfAnotherKind));
  if (meant === undefined || others.length > 0) return [issue];
  return meant.flatMap(chosen).map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
}

function isOfAnotherKind(issue: Issue): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code !== 'invalid_union') return issue.code === 'invalid_type';
  return issue.errors.every((issues) => issues.some(isOfAnotherKind));
}

function shapeAt(path: Path): object {
  const [section, ...keys] = path.filter((step) => typeof step === 'string');
  if (section === 'relay') {
    if (keys[0] === 'listen') return keys.length === 1 ? listenerShape : listenerAuthShape;
    return keys[0] === 'limits' ? limitsShape : relayShape;
  }
  if (section === 'status') return statusShape;
  if (keys.length === 2) return smtpShape;
  if (section === 'providers') return providerShape;
  return section === 'accounts' ? accountShape : rootShape;
}

function objectAt(json: unknown, path: Path): Record<PropertyKey, unknown> {
  return path.reduce((at, step) => (at as Record<PropertyKey, unknown>)[step], json) as Record<
    PropertyKey,
    unknown
  >;
}
