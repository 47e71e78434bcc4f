/**
 * Goes the way to a token endpoint once, step by step: DNS, proxy, TLS, and a POST that holds nothing. Each step
 * becomes a verdict; after one that fails, the rest is not reached. Only a certificate that is not trusted does not
 * stop it, since nothing secret is sent: a wrong clock is a common reason, and the answer tells the time.
 */
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Account } from '../../accounts/account.js';
import { readTrustedRoots, type TrustSettings } from '../../accounts/trusted-roots.js';
import type { Clock } from '../../core/clock.js';
import { formatDuration } from '../../core/duration.js';
import { AppError, describeCause } from '../../core/errors.js';
import { hostOf, openTunnel, proxyFor, tlsNames } from '../../oauth/proxy.js';
import { unlessAborted, withinTime } from '../../relay/time-limit.js';
import { fail, failWith, pass, skip, type Verdict, type WayToEndpoint } from './check.js';

/** Beyond this a token that has expired looks fresh, and the other way round. */
const mostSkewMs = 60_000;
const limitMs = 15_000;

type Station = keyof WayToEndpoint;
type Stations = { [At in Station]?: Verdict };

/** Rejects with the signal's reason only. */
export async function goToEndpoint(
  { client, grant }: Account,
  clock: Clock,
  signal: AbortSignal,
): Promise<WayToEndpoint> {
  const stations: Stations = {};
  let rest = skip('its tokens come from token_command');
  if (grant.kind !== 'command') {
    const late = () => new AppError('refresh-transient', `no answer within ${limitMs / 1000} s`);
    await withinTime({ clock, limitMs, signal, late }, (inTime) =>
      go({ ...client, clock, signal: inTime }, stations),
    );
    signal.throwIfAborted();
    rest = skip('not reached');
  }
  return { clock: rest, dns: rest, tls: rest, proxy: rest, endpoint: rest, ...stations };
}

interface Traveller extends TrustSettings {
  readonly tokenEndpoint: URL;
  readonly proxy: URL | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

async function go(traveller: Traveller, stations: Stations): Promise<void> {
  const { clock, signal, tokenEndpoint: url } = traveller;
  const proxy = proxyFor(url, traveller);
  let at: Station = 'dns';
  let socket: Socket | undefined;
  try {
    if (proxy === undefined) stations.proxy = skip('none is set');
    stations.dns = await findAddress(hostOf(proxy ?? url), signal);
    at = proxy === undefined ? 'endpoint' : 'proxy';
    socket = await (proxy === undefined
      ? connect(url, signal)
      : openTunnel(proxy, url, signal, (await readTrustedRoots(traveller)).ca));
    stations.proxy ??= pass(`${proxy?.host} lets connections to ${url.host} through`);
    at = 'tls';
    if (url.protocol === 'http:') stations.tls = skip('plain http on this machine');
    else ({ socket, verdict: stations.tls } = await secure(socket, traveller));
    at = 'endpoint';
    const trusted = stations.tls.outcome !== 'fail';
    if (!trusted) stations.endpoint = skip('not reached: it is not trusted, see TLS');
    const { date, status } = await post(socket, url, signal);
    stations.clock = judgeClock(date, url, clock.now());
    if (trusted) stations.endpoint = judgeStatus(status, url);
  } catch (error) {
    stations[at] ??= judgeFailure(at, error, proxy, url);
  } finally {
    socket?.destroy();
  }
}

function judgeFailure(at: Station, error: unknown, proxy: URL | undefined, url: URL): Verdict {
  if (error instanceof AppError && error.code === 'config-invalid') return failWith(error);
  const cause = describeCause(error);
  const host = hostOf(proxy ?? url);
  switch (at) {
    case 'dns':
      return fail(`${host}: ${cause}`, `look at /etc/resolv.conf, and try: getent hosts ${host}`);
    case 'proxy':
      return fail(`${proxy?.host}: ${cause}`, 'correct "proxy", or have the proxy let this host through');
    case 'tls':
      return fail(
        `TLS with ${url.host}: ${cause}`,
        'check host and port in token_endpoint; a firewall may cut in',
      );
    case 'clock':
    case 'endpoint':
      return fail(`${url.origin}: ${cause}`, 'check token_endpoint and the firewall, or set "proxy"');
  }
}

/** As the system finds it, hosts file included. */
async function findAddress(host: string, signal: AbortSignal): Promise<Verdict> {
  if (isIP(host)) return skip(`${host} is an address, and needs none`);
  const { address } = await unlessAborted(lookup(host), signal);
  return pass(`${host} is ${address}`);
}

async function connect(url: URL, signal: AbortSignal): Promise<Socket> {
  const port = Number(url.port) || (url.protocol === 'http:' ? 80 : 443);
  const socket = connectTcp({ host: hostOf(url), port });
  return ready(socket, 'connect', signal);
}

/** The handshake, whoever the server is; the verdict says whether it is trusted. */
async function secure(
  socket: Socket,
  { tokenEndpoint: url, signal, ...trust }: Traveller,
): Promise<{ socket: TLSSocket; verdict: Verdict }> {
  let broken: AppError | undefined;
  const { ca } = await readTrustedRoots(trust).catch((error: unknown) => {
    if (!(error instanceof AppError)) throw error;
    broken = error;
    return { ca: undefined };
  });
  const secured = await ready(
    connectTls({ socket, ...tlsNames(url), ca, minVersion: 'TLSv1.2', rejectUnauthorized: false }),
    'secureConnect',
    signal,
  );
  return { socket: secured, verdict: broken ? failWith(broken) : judgeCertificate(secured, url) };
}

function judgeCertificate(socket: TLSSocket, url: URL): Verdict {
  const { issuer, valid_to: until } = socket.getPeerCertificate();
  const signer = issuer?.O ?? issuer?.CN ?? 'somebody without a name';
  // Node says why by its code, in spite of the type; of a wrong name it has an Error.
  const why: unknown = socket.authorizationError;
  if (socket.authorized) return pass(`${url.host} is trusted, by ${String(signer)}, until ${until}`);
  const code = why instanceof Error && 'code' in why ? String(why.code) : String(why);
  return fail(
    `the certificate of ${url.host}, by ${String(signer)}, until ${until}, is not trusted: ${code}`,
    certificateAdvice(code),
  );
}

function certificateAdvice(code: string): string {
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return 'if the clock is right, its owner must renew it';
  if (code.includes('ALTNAME')) return 'name in token_endpoint a host that the certificate is for';
  return 'name whom to trust in ca_bundle_file, such as /etc/ssl/certs/ca-certificates.crt';
}

/** Headers are enough. */
async function post(
  socket: Socket,
  url: URL,
  signal: AbortSignal,
): Promise<{ status: number; date: string | undefined }> {
  const asked = request({
    createConnection: () => socket,
    method: 'POST',
    path: url.pathname + url.search,
    headers: {
      host: url.host,
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': 0,
    },
    signal,
  });
  asked.end();
  const [{ headers, statusCode = 0 }] = (await once(asked, 'response')) as [IncomingMessage];
  asked.on('error', () => undefined).destroy();
  return { status: statusCode, date: headers.date };
}

function judgeStatus(status: number, { origin }: URL): Verdict {
  return status >= 500 || status === 404
    ? fail(`${origin} answers HTTP ${status}`, 'check token_endpoint, or try again later')
    : pass(`${origin} answers`);
}

/** @param date RFC 9110, 6.6.1 */
function judgeClock(date: string | undefined, { host }: URL, now: number): Verdict {
  const theirs = Date.parse(date ?? '');
  if (Number.isNaN(theirs)) return skip(`the answer of ${host} has no Date to compare with`);
  const skewMs = Math.abs(now - theirs);
  return skewMs > mostSkewMs
    ? fail(
        `this machine's clock is ${formatDuration(skewMs / 1000)} away from ${host}'s`,
        'timedatectl set-ntp true',
      )
    : pass(`it agrees with that of ${host}`);
}

async function ready<S extends Socket>(socket: S, event: string, signal: AbortSignal): Promise<S> {
  const abort = () => socket.destroy(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  keepQuiet(socket);
  try {
    // An end without an error would be waited for in vain.
    const closed = new Error('the connection was closed');
    const end = once(socket, 'close').then(() => Promise.reject(closed));
    await Promise.race([once(socket, event), end]);
    return socket;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** An error that nobody listens to any more would end the process. */
function keepQuiet(socket: Socket): void {
  socket.on('error', () => undefined);
}
