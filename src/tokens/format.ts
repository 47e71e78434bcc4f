/**
 * The token file of sasl-xoauth2 (JSON), read leniently and written strictly. Whatever it says that is unknown
 * here survives, in its order. A wrong `expiry` never damages an account: it only means "refresh". Knows
 * nothing of files but a path to name in errors.
 */
import type { TokenFileOverrides } from '../accounts/account.js';
import { parseLenientJson } from '../config/lenient-json.js';
import { parseDurationSeconds } from '../core/duration.js';
import { AppError } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import type { NewToken, SignInSecrets, StoredToken } from './token.js';

/** What the text alone says; the store adds version and time of writing. */
export type ParsedToken = Omit<StoredToken, 'version' | 'writtenAt'>;

/** Fields to set in a token file; undefined takes one away. */
export type TokenFields = Readonly<Record<string, string | Secret | undefined>>;

/** The plugin keeps `expiry` in a 32-bit int. Seconds. */
const expiryLimit = 2 ** 31;

/** Throws AppError token-invalid, naming `path`, the fault and the command that mends it. */
export function parseToken(text: string, path: string): ParsedToken {
  const json = parseObject(text, path);
  const field = (name: string) => textField(json, name, path);
  return {
    accessToken: secretUnlessEmpty(field('access_token')),
    expiresAt: parseExpiry(json['expiry']),
    refreshToken: secretUnlessEmpty(field('refresh_token')),
    overrides: parseOverrides(field, path),
  };
}

/** `text` with the token's fields replaced; `text` must have been parsed before. */
export function mergeToken(text: string, token: NewToken, path: string): string {
  return editFields(
    text,
    {
      access_token: token.accessToken,
      expiry: formatExpiry(token.expiresAt),
      ...(token.refreshToken && { refresh_token: token.refreshToken }),
    },
    path,
  );
}

/** `text` with these fields set, new ones last. Strict JSON, so that every reader takes it. */
export function editFields(text: string, fields: TokenFields, path: string): string {
  const json: Record<string, unknown> = { ...parseObject(text, path) };
  for (const [name, value] of Object.entries(fields))
    json[name] = value instanceof Secret ? value.reveal() : value;
  return `${JSON.stringify(json, undefined, 2)}\n`;
}

/**
 * The fields of a sign-in, apart: secrets, and what else the file says. The plugin wants `refresh_token` there, be it empty;
 * an empty client_secret is no secret, but says that the client is a public one.
 */
export function splitFields(fields: TokenFields): { secrets: SignInSecrets; rest: TokenFields } {
  const { client_secret: clientSecret, refresh_token: refreshToken } = fields;
  const secrets = { clientSecret: secretOf(clientSecret), refreshToken: secretOf(refreshToken) };
  const rest = {
    ...fields,
    ...(secrets.refreshToken && { refresh_token: '' }),
    ...(secrets.clientSecret && { client_secret: undefined }),
  };
  return { secrets, rest };
}

function secretOf(value: string | Secret | undefined): Secret | undefined {
  return secretUnlessEmpty(value instanceof Secret ? value.reveal() : value);
}

/** Epoch seconds as the plugin writes them: a string, below 2^31. */
export function formatExpiry(expiresAt: number): string {
  return String(Math.max(0, Math.min(Math.floor(expiresAt / 1000), expiryLimit - 1)));
}

/** Seconds as string or number; absent, "", "soon", "0" and anything from 2^31 on give 0. Milliseconds. */
function parseExpiry(value: unknown): number {
  const seconds =
    typeof value === 'string' && /^\s*\d+(\.\d+)?\s*$/.test(value) ? Number(value) : (value ?? 0);
  if (typeof seconds !== 'number' || !(seconds > 0 && seconds < expiryLimit)) return 0;
  return Math.floor(seconds) * 1000;
}

/** Most files set none; of thousands that say so, one is enough. */
const noOverrides: TokenFileOverrides = Object.freeze({});

function parseOverrides(field: (name: string) => string | undefined, path: string): TokenFileOverrides {
  const clientSecret = field('client_secret');
  const overrides = {
    user: field('user'),
    clientId: field('client_id'),
    clientSecret: clientSecret === undefined ? undefined : new Secret(clientSecret),
    tokenEndpoint: field('token_endpoint'),
    refreshWindowSeconds: parseWindow(field('refresh_window'), path),
    proxy: field('proxy'),
    caBundleFile: field('ca_bundle_file'),
    caCertsDir: field('ca_certs_dir'),
  };
  return Object.values(overrides).every((value) => value === undefined) ? noOverrides : overrides;
}

/** The plugin writes "0" whenever nothing was set, so 0 means unset. */
function parseWindow(text: string | undefined, path: string): number | undefined {
  if (text === undefined || text.trim() === '') return undefined;
  const seconds = parseDurationSeconds(text);
  if (seconds === undefined)
    throw invalid(path, 'its "refresh_window" must be seconds or a duration such as "10m"');
  return seconds === 0 ? undefined : seconds;
}

function textField(json: Record<string, unknown>, name: string, path: string): string | undefined {
  const value = json[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'object') throw invalid(path, `its "${name}" must be a string`);
  // A number or a boolean, as it is written.
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function secretUnlessEmpty(value: string | undefined): Secret | undefined {
  return value ? new Secret(value) : undefined;
}

function parseObject(text: string, path: string): Record<string, unknown> {
  if (text.trim() === '') throw invalid(path, 'it is empty');
  const json = parseLenientJson(text);
  if (json.kind === 'problem') throw invalid(path, `it is not JSON (${json.problem})`);
  const { value } = json;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(path, 'it is not a JSON object');
  return value as Record<string, unknown>;
}

function invalid(path: string, fault: string): AppError {
  return new AppError('token-invalid', `the token file ${path} is damaged: ${fault}`, {
    hint: `mend it, or sign in again: mailbearer get-token PROVIDER ${path} --overwrite-existing-token`,
  });
}
