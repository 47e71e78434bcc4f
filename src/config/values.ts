/**
 * What a single value in a configuration or in a token file may be: addresses, endpoints, proxies, listeners.
 * Each rule gives the value understood or the reason why not, and never repeats the value itself, since a
 * proxy's URL can hold a password. No zod here: token files are held to the same rules.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { isAbsolute } from 'node:path';
import { parseDurationSeconds } from '../core/duration.js';
import type { ListenAddress } from './config.js';

/** `problem` reads on after a path and a colon: `proxy: expected …`. */
export type Parsed<T> = { readonly value: T } | { readonly problem: string };

/** Whether a host name or address literal, in brackets or not, can only mean this machine (RFC 6761, 6.3). */
export function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (isIPv4(bare)) return bare.startsWith('127.');
  if (isIPv6(bare)) return bare === '::1';
  return bare === 'localhost' || bare.endsWith('.localhost');
}

/** `a@b`; not a check of RFC 5321's grammar, only whether a name is meant as an address. */
export function isAddress(text: string): boolean {
  return /^[^\s@]+@[^\s@]+$/.test(text);
}

/**
 * Words that documentation puts where a value should go. sasl-xoauth2's README has `client ID goes here`, its
 * tool CLIENT_ID_FROM_…, Microsoft's pages {tenant} and YOUR_CLIENT_ID.
 */
export function isPlaceholder(text: string): boolean {
  return (
    /goes[ _-]?here|^your[ _-](client|app)|^<.*>$|^(\.{3}|…)$/i.test(text) ||
    /^CLIENT_(ID|SECRET)|\/TENANT(_ID)?\/|\/[{<][^/]*[}>]\//.test(text)
  );
}

/** Client ids and secrets: anything but a placeholder; "" is meant, and says "none". */
export function parseCredential(text: string): Parsed<string> {
  return isPlaceholder(text)
    ? { problem: 'still holds a placeholder; put the real value there' }
    : { value: text };
}

/** An OAuth endpoint: https, or http on this machine. RFC 6749, 3.1 and 3.2 require TLS. */
export function parseEndpoint(text: string): Parsed<URL> {
  if (isPlaceholder(text)) return { problem: 'still holds a placeholder; put the real URL there' };
  if (!URL.canParse(text)) return { problem: 'expected a URL such as "https://login.example/token"' };
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return { problem: 'expected an https URL' };
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname))
    return { problem: 'plain http would send secrets in clear; only https is allowed off this machine' };
  // fetch refuses such URLs, and what is printed of an endpoint must hold no secret.
  if (url.username || url.password) return { problem: 'a URL with a user name or password is not allowed' };
  return { value: url };
}

/** A proxy for the token endpoint. `host:port` means http, as it does to curl and so to sasl-xoauth2. */
export function parseProxy(text: string): Parsed<URL> {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https')
    return { problem: `${scheme} proxies are not supported; use an http or https proxy` };
  const full = scheme === undefined ? `http://${text}` : text;
  if (!URL.canParse(full)) return { problem: 'expected a URL such as "http://proxy.example:3128"' };
  const url = new URL(full);
  if (/%(?![\da-f]{2})/i.test(url.username + url.password))
    return { problem: 'a "%" in the user or password of a URL is written "%25"' };
  return { value: url };
}

export const durationExpected = 'expected seconds or a duration such as "10m"';

/** `10m`, `600`, "600"; zero, which sasl-xoauth2 writes into token files, means "not set". Seconds. */
export function parseRefreshWindow(value: string | number | boolean): Parsed<number | undefined> {
  const seconds = typeof value === 'boolean' ? undefined : parseDurationSeconds(value);
  if (seconds === undefined) return { problem: durationExpected };
  return { value: seconds === 0 ? undefined : seconds };
}

/** How long something may take. Seconds, at least one: none at all would end everything at once. */
export function parseTimeout(value: string | number | boolean): Parsed<number> {
  const seconds = typeof value === 'boolean' ? undefined : parseDurationSeconds(value);
  return seconds === undefined || seconds < 1 ? { problem: durationExpected } : { value: seconds };
}

/** The switches of sasl-xoauth2.conf, and its words when one is wrong. */
export function parseSwitch(value: string | number | boolean): Parsed<boolean> {
  const word = String(value).toLowerCase();
  if (word === 'yes' || word === 'true') return { value: true };
  if (word === 'no' || word === 'false') return { value: false };
  return { problem: `Invalid value '${value}'. Need either 'yes'/'true' or 'no'/'false'.` };
}

/** An address or a domain that an account sends for, in lower case. */
export function parseSender(text: string): Parsed<string> {
  const sender = text.trim().toLowerCase();
  if (isAddress(sender) || isAddress(`any${sender}`)) return { value: sender };
  return { problem: 'expected an address such as "a@b.example" or a domain such as "@b.example"' };
}

/** A day, as the first moment of it in UTC. Milliseconds since the epoch. */
export function parseDate(text: string): Parsed<number> {
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : NaN;
  // To Date.parse, the 31st of February is a day of March.
  const isDay = !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
  return isDay ? { value: at } : { problem: 'expected a day such as "2027-03-31"' };
}

export function parseAbsolutePath(text: string): Parsed<string> {
  return isAbsolute(text) ? { value: text } : { problem: 'expected an absolute path' };
}

/** As `parseListenAddress` reads it. */
export function formatListenAddress({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** `127.0.0.1:2525`, `[::]:587`, `localhost:2525`; port 0 lets the system choose. */
export function parseListenAddress(text: string): Parsed<ListenAddress> {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535)
    return { problem: 'expected "host:port" such as "127.0.0.1:2525" or "[::1]:2525"' };
  return { value: { host, port } };
}
