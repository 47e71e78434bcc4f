/**
 * The entry of `accounts` without which `serve` would not make of a token file what `get-token` was told: its grant,
 * its issuer, a provider that the token endpoint does not tell. A token file cannot hold them, for the plugin drops what
 * it does not know. The entry is read as the configuration would be, so that what is printed is what was tried.
 */
import { basename, dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { isBroken, type TokenFileOverrides } from '../accounts/account.js';
import { findSettings } from '../accounts/settings-entry.js';
import type { AccountSettings, Config } from '../config/config.js';
import { parseConfig } from '../config/parse.js';
import { defaultTokenDirectories } from '../config/paths.js';
import type { Provider } from '../providers/index.js';
import { accountOf, type Context } from './context.js';
import type { Ui } from './ui.js';

/** Keys of an account, as JSON. */
export type Entry = Readonly<Record<string, unknown>>;

export interface EntryQuestion {
  readonly path: string;
  /** What the file says, or will say, beside its tokens. */
  readonly overrides: TokenFileOverrides;
  readonly provider: Provider;
  /** What the command line said; a secret in it only as the place where it stands. */
  readonly entry: Entry;
  /** The secrets themselves. */
  readonly secrets?: Entry;
}

export interface EntryAnswer {
  /** As if the entry stood in the configuration. */
  readonly context: Context;
  /** Undefined when nothing need be added. */
  readonly json: string | undefined;
}

/** Throws AppError config-invalid for what the configuration would not take. */
export function completeEntry(context: Context, question: EntryQuestion): EntryAnswer {
  const { entry, overrides, path, provider, secrets } = question;
  const { config } = context;
  const [key, existing] = findSettings(config, { tokenFile: path, overrides }) ?? [];
  const name = key ?? basename(path);
  const asIs = accountOf(context, path, overrides);
  const isKnown =
    existing?.provider === undefined
      ? !isBroken(asIs) && servesAlike(config, asIs.provider, provider)
      : existing.provider === provider.name;
  const parsed = settingsOf(name, { ...entry, ...secrets });
  const same = isKnown && isDeepStrictEqual(merge(existing, parsed), merge(existing, undefined));
  if (same) return { context, json: undefined };
  const found =
    config.postgres !== undefined || (config.tokenDirs ?? defaultTokenDirectories).includes(dirname(path));
  const whole = {
    provider: provider.name,
    ...(!found && key === undefined && { token_file: path }),
    ...entry,
  };
  const settings = merge(existing, settingsOf(name, { ...whole, ...secrets }));
  return {
    context: { ...context, config: { ...config, accounts: new Map([...config.accounts, [name, settings]]) } },
    json: JSON.stringify({ accounts: { [name]: whole } }, undefined, 2),
  };
}

/** Whether an account with the one is an account with the other: they may differ in where one signs in. */
function servesAlike({ providers }: Config, one: Provider, other: Provider): boolean {
  if (one.name === other.name) return true;
  const core = (provider: Provider) => JSON.stringify({ ...provider, ...signInOnly });
  return !providers.has(one.name) && !providers.has(other.name) && core(one) === core(other);
}

const signInOnly = {
  name: undefined,
  title: undefined,
  inCloud: undefined,
  authorizationEndpoint: undefined,
  deviceAuthorizationEndpoint: undefined,
  tokenEndpoint: undefined,
} satisfies Partial<Record<keyof Provider, undefined>>;

/** Says where it belongs, and prints it. */
export async function printEntry({ context, json }: EntryAnswer, ui: Ui): Promise<void> {
  if (json === undefined) return;
  const file = context.config.source ?? '/etc/mailbearer/config.json';
  ui.say(`This must stand in ${file}, for a token file cannot hold it:`);
  await ui.data(json);
}

/** What one entry means; the provider is checked where the whole configuration is known. */
function settingsOf(name: string, { provider, ...entry }: Entry): AccountSettings | undefined {
  const parsed = parseConfig({ accounts: { [name]: entry } }, undefined).config.accounts.get(name);
  return parsed && { ...parsed, ...(typeof provider === 'string' && { provider }) };
}

function merge(base: AccountSettings | undefined, over: AccountSettings | undefined): AccountSettings {
  return {
    ...defined(base),
    ...defined(over),
    grant: { ...defined(base?.grant), ...defined(over?.grant) },
    smtp: { ...defined(base?.smtp), ...defined(over?.smtp) },
    pace: { ...defined(base?.pace), ...defined(over?.pace) },
    senders: base?.senders ?? [],
  };
}

function defined<T extends object>(settings: T | undefined): Partial<T> {
  return Object.fromEntries(
    Object.entries(settings ?? {}).filter(([, value]) => value !== undefined),
  ) as Partial<T>;
}
