/**
 * One request to a token endpoint, or to what says where it is: through the account's proxy, trusting the account's
 * authorities, 30 seconds for everything together, no redirect followed, at most 1 MiB read. Each request has a
 * connection of its own: they are most of an hour apart, so a kept one would only be found dead, and a changed
 * setting counts at once. It knows nothing of OAuth, and never tries twice: a refresh that was sent may have been
 * carried out.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type ClientRequest, type IncomingMessage, request, type RequestOptions } from 'node:http';
import { request as requestTls } from 'node:https';
import type { Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { OAuthClient } from '../accounts/account.js';
import { readTrustedRoots, type TrustSettings } from '../accounts/trusted-roots.js';
import { type Clock, systemClock } from '../core/clock.js';
import { AppError, describeCause } from '../core/errors.js';
import { openTunnel, proxyFor, tlsNames } from './proxy.js';

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
  const { ca } = await readTrustedRoots(settings);
  const trust = { ...(ca && { ca }), ...(await readClientCertificate(settings)) };
  const timeout = new AbortController();
  const timer = clock.setTimer(timeoutMs, () => {
    timeout.abort(new HttpTimeoutError(`no answer within ${timeoutMs / 1000} s`));
  });
  const signal = options.signal ? AbortSignal.any([timeout.signal, options.signal]) : timeout.signal;
  let tunnel: Socket | undefined;
  let asked: ClientRequest | undefined;
  try {
    const proxy = proxyFor(url, settings);
    tunnel = proxy && (await openTunnel(proxy, url, signal, ca));
    asked = openRequest(url, { method: sent.method, headers: sent.headers, signal }, trust, tunnel);
    asked.end(sent.body);
    const [answer] = (await once(asked, 'response', { signal })) as [IncomingMessage];
    return {
      status: answer.statusCode ?? 0,
      retryAfter: answer.headers['retry-after'],
      location: answer.headers.location,
      date: answer.headers.date,
      body: await readLimited(answer),
    };
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    timer.cancel();
    asked?.destroy();
    tunnel?.destroy();
  }
}

function openRequest(
  url: URL,
  options: RequestOptions,
  trust: ConnectionOptions,
  tunnel: Socket | undefined,
): ClientRequest {
  const isPlain = url.protocol === 'http:';
  const through = (socket: Socket) =>
    isPlain ? socket : connectTls({ socket, ...tlsNames(url), ALPNProtocols: ['http/1.1'], ...trust });
  const asked = (isPlain ? request : requestTls)(url, {
    ...options,
    ...(tunnel === undefined ? { agent: false, ...trust } : { createConnection: () => through(tunnel) }),
  });
  // Once the answer has begun, who reads it hears what befalls it; without a listener here the process would end.
  return asked.on('error', () => undefined);
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
