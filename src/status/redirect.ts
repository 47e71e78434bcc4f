/**
 * Where a provider sends the browser back to: here, by the port that the browser reached, which `ssh -L` may have made
 * another one, and by the name that the client's registration has.
 */
import { isIP } from 'node:net';
import type { Provider } from '../providers/index.js';

export interface Redirect {
  /** `http://localhost:8025` */
  readonly origin: string;
  /** In the authorization request, to the letter. */
  readonly uri: string;
}

/** @param reached the Host that the browser asked for, of this machine */
export function redirectFor(
  reached: string,
  { loopbackRedirectHost: wanted }: Pick<Provider, 'loopbackRedirectHost'>,
): Redirect {
  const { hostname, port } = new URL(originOf(reached));
  const isAddress = isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0;
  const host = wanted === 'localhost' || !isAddress ? wanted : hostname;
  const origin = `http://${host}${port === '' ? '' : `:${port}`}`;
  // Microsoft's registration of http://localhost knows no path.
  return { origin, uri: host === 'localhost' ? origin : `${origin}/` };
}

/** As URLs write it: without port 80, in lower case. */
export function originOf(host: string): string {
  return new URL(`http://${host}`).origin;
}
