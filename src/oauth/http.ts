/**
 * One request to a token endpoint, or to what says where it is: through the account's proxy, trusting the account's authorities, 30 seconds for
 * everything together, no redirect followed, at most 1 MiB read. Each request has a connection of its own:
 * they are most of an hour apart, so a kept one would only be found dead, and a changed setting counts at once.
 * It knows nothing of OAuth, and never tries twice: a refresh that was sent may have been carried out.
 */
import { readFile } from 'node:fs/promises';
import { rootCertificates } from 'node:tls';
import { Agent, type Dispatcher, ProxyAgent, request } from 'undici';
import type { OAuthClient } from '../accounts/account.js';
import { readTrustedRoots, type TrustSettings } from '../accounts/trusted-roots.js';
import { isLoopbackHost } from '../config/values.js';
import { type Clock, systemClock } from '../core/clock.js';
import { AppError, describeCause } from '../core/errors.js';

export interface HttpSettings extends Pick<OAuthClient, 'proxy' | 'caBundleFile' | 'caCertsDir'> {
  /** What the two are called where they were set. */
  readonly settingNames?: TrustSettings['settingNames'];
  /** PEM files, shown to the server. */
  readonly clientCertificate?: { readonly certificateFile: string; readonly keyFile: string } | undefined;
}

export interface HttpOptions {
  readonly clock?: Clock | undefined;
  /** For the whole exchange, connecting included. Default 30,000. */
  readonly timeoutMs?: number;
  /** Ends the exchange early; what the server made of the request is then unknown. */
  readonly signal?: AbortSignal | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly location: string | undefined;
  /** The server's clock (RFC 9110, 6.6.1). */
  readonly date: string | undefined;
  /** Decoded as UTF-8, without a byte order mark. */
  readonly body: string;
}

/** The server took too long. */
export class HttpTimeoutError extends Error {
  override readonly name = 'HttpTimeoutError';
}

const defaultTimeoutMs = 30_000;
/** A token answer has a few kilobytes; this bounds what a hostile or confused server can make us hold. */
const bodyLimitBytes = 1_048_576;

/** As `send` does. */
export function post(
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string,
  settings: HttpSettings,
  options?: HttpOptions,
): Promise<HttpAnswer> {
  return send(url, { method: 'POST', headers, body }, settings, options);
}

/** As `send` does. */
export function get(
  url: URL,
  headers: Readonly<Record<string, string>>,
  settings: HttpSettings,
  options?: HttpOptions,
): Promise<HttpAnswer> {
  return send(url, { method: 'GET', headers }, settings, options);
}

interface Sent {
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * Sends `sent` and gives whatever answer comes, of any status. Throws AppError config-invalid for
 * settings that cannot work, and what Node says for everything that the network does.
 */
async function send(
  url: URL,
  sent: Sent,
  settings: HttpSettings,
  options: HttpOptions = {},
): Promise<HttpAnswer> {
  const { clock = systemClock, timeoutMs = defaultTimeoutMs } = options;
  const dispatcher = await createDispatcher(url, settings, timeoutMs);
  const timeout = new AbortController();
  const timer = clock.setTimer(timeoutMs, () => {
    timeout.abort(new HttpTimeoutError(`no answer within ${timeoutMs / 1000} s`));
  });
  const signal = options.signal ? AbortSignal.any([timeout.signal, options.signal]) : timeout.signal;
  try {
    const answer = await request(url, { ...sent, dispatcher, signal });
    return {
      status: answer.statusCode,
      retryAfter: single(answer.headers['retry-after']),
      location: single(answer.headers['location']),
      date: single(answer.headers['date']),
      body: await readLimited(answer.body),
    };
  } finally {
    timer.cancel();
    await dispatcher.destroy();
  }
}

async function createDispatcher(url: URL, settings: HttpSettings, timeoutMs: number): Promise<Dispatcher> {
  const { ca } = await readTrustedRoots(settings);
  // undici's own limits would end a slow answer with words of its own; ours is the one that counts.
  const limits = { connectTimeout: timeoutMs, headersTimeout: 0, bodyTimeout: 0 };
  const trust = { ...(ca && { ca }), ...(await readClientCertificate(settings)) };
  const proxy = proxyFor(url, settings);
  if (proxy === undefined) return new Agent({ ...limits, connect: trust });
  if (proxy.protocol !== 'http:' && proxy.protocol !== 'https:')
    throw new AppError('config-invalid', `proxy: a ${proxy.protocol.slice(0, -1)} proxy is not supported`, {
      hint: 'name an http:// or https:// proxy',
    });
  return new ProxyAgent({
    ...limits,
    uri: proxy.href,
    requestTls: trust,
    proxyTls: ca === undefined ? {} : { ca: proxyRoots(ca) },
  });
}

async function readClientCertificate({ clientCertificate }: HttpSettings) {
  if (clientCertificate === undefined) return {};
  const { certificateFile, keyFile } = clientCertificate;
  try {
    return { cert: await readFile(certificateFile), key: await readFile(keyFile) };
  } catch (cause) {
    throw new AppError('config-invalid', `the certificate of the client: ${describeCause(cause)}`, {
      hint: `ls -l ${certificateFile} ${keyFile}`,
      cause,
    });
  }
}

/** Plain http is for this machine; a proxy elsewhere would carry the secrets in clear to its own loopback. */
export function proxyFor(url: URL, { proxy }: Pick<HttpSettings, 'proxy'>): URL | undefined {
  return proxy !== undefined && url.protocol === 'http:' && !isLoopbackHost(proxy.hostname)
    ? undefined
    : proxy;
}

/** The configured authorities are meant for the token endpoint; a proxy may have a public certificate too. */
export function proxyRoots(ca: readonly string[]): string[] {
  return [...rootCertificates, ...ca];
}

async function readLimited(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > bodyLimitBytes) throw new Error(`an answer of more than ${bodyLimitBytes} bytes`);
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
