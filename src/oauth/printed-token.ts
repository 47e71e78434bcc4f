/**
 * The token in what another program has printed: a line, or JSON as such programs write it. Pure; verifies nothing.
 *
 * - a response of a token endpoint: `access_token`, `expires_in` (seconds)
 * - mailbearer's and sasl-xoauth2's files: `expiry` (seconds since the epoch, or RFC 3339)
 * - `gcloud config config-helper --format=json`: `credential.access_token`, `credential.token_expiry` (RFC 3339)
 * - oama's records: `exp_date` (`2026-11-26 12:00 UTC`); `expires_in` there is what it was at first
 * - `az account get-access-token`: `accessToken`, `expires_on` (seconds since the epoch)
 */
import { Secret } from '../core/secret.js';

export interface PrintedToken {
  readonly token: Secret;
  /** Zero or less: it has expired. Undefined: nothing is said of it. */
  readonly secondsLeft: number | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/** @param now milliseconds since the epoch */
export function readPrintedToken(text: string, now: number): PrintedToken | undefined {
  const printed = text.startsWith('{') ? parse(text) : { access_token: text };
  if (printed === undefined) return undefined;
  const fields = isFields(printed['credential']) ? printed['credential'] : printed;
  const token = fields['access_token'] ?? fields['accessToken'];
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) return undefined;
  const claims = parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  const moments = [
    fields['expiry'],
    fields['token_expiry'],
    fields['exp_date'],
    fields['expires_on'],
    claims?.['exp'],
  ];
  const lives = [
    numberOf(fields['expires_in']),
    ...moments.map((moment) => (momentOf(moment) - now) / 1000),
  ].filter((life) => !Number.isNaN(life));
  // Where they differ, one of them is old.
  return {
    token: new Secret(token),
    secondsLeft: lives.length === 0 ? undefined : Math.floor(Math.min(...lives)),
  };
}

/** Milliseconds since the epoch, or NaN. A time without a zone says nothing: whose would it be? */
function momentOf(value: unknown): number {
  const seconds = numberOf(value);
  if (!Number.isNaN(seconds)) return seconds * 1000;
  return typeof value === 'string' && /(?:Z|UTC|GMT|[+-]\d\d:?\d\d)$/i.test(value)
    ? Date.parse(value)
    : Number.NaN;
}

function numberOf(value: unknown): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^\s*-?\d+(\.\d+)?\s*$/.test(value) ? Number(value) : Number.NaN;
}

function parse(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
