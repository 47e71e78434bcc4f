/**
 * The way through a proxy: when an account's is taken, whom it may trust, and the tunnel to what lies behind it
 * (CONNECT; RFC 9110, 9.3.6). Over http or https, with the user and the password that its URL holds.
 */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { request as requestTls } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { rootCertificates } from 'node:tls';
import type { OAuthClient } from '../accounts/account.js';
import { isLoopbackHost } from '../config/values.js';
import { AppError } from '../core/errors.js';

/** Plain http is for this machine; a proxy elsewhere would carry the secrets in clear to its own loopback. */
export function proxyFor(url: URL, { proxy }: Pick<OAuthClient, 'proxy'>): URL | undefined {
  return proxy !== undefined && url.protocol === 'http:' && !isLoopbackHost(proxy.hostname)
    ? undefined
    : proxy;
}

/**
 * A connection to `url` that the proxy has made; what goes over it is the caller's, TLS too. `ca` are the account's
 * authorities, PEM. Throws AppError config-invalid for another kind of proxy, and an Error with the status for one
 * that refuses.
 */
export async function openTunnel(
  proxy: URL,
  url: URL,
  signal: AbortSignal,
  ca: readonly string[] | undefined,
): Promise<Socket> {
  if (proxy.protocol !== 'http:' && proxy.protocol !== 'https:')
    throw new AppError('config-invalid', `proxy: a ${proxy.protocol.slice(0, -1)} proxy is not supported`, {
      hint: 'name an http:// or https:// proxy',
    });
  const target = `${url.hostname}:${url.port || (url.protocol === 'http:' ? 80 : 443)}`;
  const [user, password] = [proxy.username, proxy.password].map(decodeURIComponent);
  const credentials = Buffer.from(`${user}:${password}`).toString('base64');
  const asked = (proxy.protocol === 'https:' ? requestTls : request)({
    // Said here: Node would take the name in the header for the proxy's own.
    ...tlsNames(proxy),
    port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
    method: 'CONNECT',
    path: target,
    headers: { host: target, ...(user && { 'proxy-authorization': `Basic ${credentials}` }) },
    agent: false,
    signal,
    // The account's authorities are meant for what lies behind; a proxy may have a public certificate too.
    ...(ca && { ca: [...rootCertificates, ...ca] }),
  });
  // What comes after it was given up must not end the process.
  asked.on('error', () => undefined).end();
  const [{ statusCode }, socket] = (await once(asked, 'connect', { signal })) as [IncomingMessage, Socket];
  // What befalls it before it is used must not end the process.
  socket.on('error', () => undefined);
  if (statusCode === 200) return socket;
  socket.destroy();
  if (statusCode === 407) throw new Error('the proxy wants a user and a password, or others (HTTP 407)');
  throw new Error(`the proxy answers HTTP ${statusCode} to CONNECT ${target}`);
}

/** The name or address in a URL, without the brackets of IPv6. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

/** What to call the server at `url` in TLS: Server Name Indication is for names only (RFC 6066, 3). */
export function tlsNames(url: URL): { readonly host: string; readonly servername: string } {
  const host = hostOf(url);
  return { host, servername: isIP(host) ? '' : host };
}
