/**
 * Answers as providers really send them, made into what RFC 6749 and RFC 8628 describe, before openid-client
 * judges them: numbers as strings, missing fields, empty strings for "none". Pure. Only fields that we use come
 * through; an id_token never does, for with Microsoft's tenant `common` it names another issuer than the one
 * asked, and its validation would fail a successful refresh.
 */

export type Fields = Readonly<Record<string, unknown>>;

/** What is assumed when an answer does not say how long a token lives. Seconds. */
export const assumedLifetimeSeconds = 3600;
/** About 68 years: whatever is said beyond it only means "very long", and would overflow a date. */
const longestLifetimeSeconds = 2 ** 31 - 1;

/** RFC 8628 section 3.5: "If no value is provided, clients MUST use 5 as the default." Seconds. */
export const defaultIntervalSeconds = 5;

/** The JSON object in a body, whatever the content type said; undefined when there is none. */
export function parseAnswer(body: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(body.replace(/^\uFEFF/, ''));
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** `error` and `error_description` (RFC 6749 section 5.2), also from Google's and Yahoo's nested error objects. */
export function readError(fields: Fields): { error: string | undefined; description: string | undefined } {
  const { error } = fields;
  if (isFields(error))
    return {
      error: text(error['status']) ?? text(error['code']) ?? 'error',
      description: text(error['message']),
    };
  return { error: text(error), description: text(fields['error_description']) };
}

/** A successful token answer (RFC 6749 section 5.1). An `expires_in` that says nothing is left out. */
export function normaliseToken(fields: Fields): Fields {
  const lifetimeOf = (name: string) => {
    const seconds = positive(fields[name]);
    return seconds && Math.min(seconds, longestLifetimeSeconds);
  };
  return present({
    access_token: printable(fields['access_token']),
    token_type: text(fields['token_type']) ?? 'bearer',
    expires_in: lifetimeOf('expires_in'),
    refresh_token: text(fields['refresh_token']),
    refresh_token_expires_in: lifetimeOf('refresh_token_expires_in'),
  });
}

/** A device authorization answer (RFC 8628 section 3.2). Google calls verification_uri `verification_url`. */
export function normaliseDeviceAuthorization(fields: Fields): Fields {
  return present({
    device_code: text(fields['device_code']),
    user_code: printable(fields['user_code']),
    verification_uri: printable(fields['verification_uri'] ?? fields['verification_url']),
    verification_uri_complete: printable(fields['verification_uri_complete']),
    expires_in: positive(fields['expires_in']),
    interval: positive(fields['interval']),
  });
}

/** What an OpenID provider says of itself (OpenID Connect Discovery 1.0, 3). */
export function normaliseDiscovery(fields: Fields): Fields {
  const endpoints = Object.entries(fields).filter(([name]) => name.endsWith('_endpoint'));
  return present({
    issuer: text(fields['issuer']),
    ...Object.fromEntries(endpoints.map(([name, value]) => [name, text(value)])),
  });
}

function present(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** Whole seconds above zero, from a number or a string of digits. */
function positive(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\s*\d+(\.\d+)?\s*$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number) || number < 1) return undefined;
  return Math.floor(number);
}

/**
 * A token goes into a line of SMTP, a code to the terminal: both shall be VSCHAR (RFC 6749 appendix A), so that no
 * control character in them can end or forge anything.
 */
function printable(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\x20-\x7e]+$/.test(value) ? value : undefined;
}

function text(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
