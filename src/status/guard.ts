/**
 * Which requests are heard at all. A page of another site can make a browser ask for anything here, under a name that
 * its DNS leads to this machine; the name gives it away (DNS rebinding). Nothing is answered that another site could
 * read, frame or embed.
 */
import type { IncomingMessage } from 'node:http';
import { isLoopbackHost } from '../config/values.js';

/** For every answer. Scripts and styles come from here alone, and none stands in a page. */
export const securityHeaders: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  // Not `no-referrer`: a form would then be sent with `Origin: null`.
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** Whether it was asked for by a name of this machine; the port is whatever `ssh -L` made of it. */
export function isForThisMachine({ headers }: IncomingMessage): boolean {
  const [, host = ''] = /^(\[[0-9a-f:.]+\]|[^:@/]+)(?::\d{1,5})?$/i.exec(headers.host ?? '') ?? [];
  return isLoopbackHost(host) && URL.canParse(`http://${headers.host ?? ''}`);
}

/** Whether a form of our own page was sent: browsers say where it came from, and other ports are other places. */
export function isFormFromHere(request: IncomingMessage): boolean {
  return request.headers.origin !== undefined && isFromHere(request);
}

/** Whether a change is asked for by our own page, or by a program, which says nothing of an origin. */
export function isFromHere({ headers }: IncomingMessage): boolean {
  const { origin } = headers;
  return origin === undefined || origin === `http://${headers.host ?? ''}`;
}
