/**
 * The JSON that a configuration file may hold, key by key, each with the sentence that the reference manual
 * prints for it. Checks one entry at a time; what spans entries, such as a sender
 * claimed twice, is parse.ts's. Unknown keys are told apart from errors: a typo must be named, not fatal.
 */
import { z } from 'zod';
import { accountShape, clientShape, oneTrustSource, providerShape, smtpShape } from './account-schema.js';
import { limitsShape } from './limits-schema.js';
import { listenerAuthShape } from './listener-auth-schema.js';
import { listeners, listenerShape } from './listener-schema.js';
import { postgresShape, tokenStore } from './postgres-schema.js';
import { command, oneOf, oneOrMore, part, path, section, switchable, text } from './schema-values.js';
import { socketmap, socketmapShape } from './socketmap-schema.js';
import { statusShape } from './status-schema.js';
import { parseAbsolutePath } from './values.js';

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

const rootShape = {
  ...clientShape,
  $schema: text
    .optional()
    .describe('Address of config.schema.json, by which editors check and complete the file. Not read here.'),
  token_store: tokenStore,
  postgres: section(postgresShape).prefault({}).describe('What the database of `token_store` needs.'),
  share: part
    .optional()
    .describe(
      'Where several machines share the accounts, the part that this one takes of what a provider allows: of messages,' +
        ' sessions and sign-ins of a mailbox, and of refreshes. Above 0, by default 1, which is all of it.',
    ),
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
  socketmap: socketmap.prefault({}).describe('Where Postfix asks for logins and tokens by itself.'),
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
  if (section === 'postgres') return postgresShape;
  if (section === 'socketmap') return socketmapShape;
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
