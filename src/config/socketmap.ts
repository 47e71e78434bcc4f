/**
 * Where Postfix asks for logins and tokens, as data, and the rule that this stays on the machine: the protocol knows
 * neither TLS nor who asks, so whoever reaches it has the tokens. A socket in a directory has a mode and a group.
 */
import { isAbsolute } from 'node:path';
import { isLoopbackHost, type Parsed, parseListenAddress } from './values.js';

export type SocketmapAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

export interface SocketmapSettings {
  readonly listen: SocketmapAddress;
  /** Name or number; means nothing to a port. */
  readonly group: string;
}

/** sockaddr_un(7): what a path may have, less the zero at its end. */
const longestPathOctets = 107;

/** `unix:/path` or `127.0.0.1:2526`; with `inet:` before it, as Postfix writes it, too. */
export function parseSocketmapAddress(text: string): Parsed<SocketmapAddress> {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    if (!isAbsolute(path)) return { problem: 'expected an absolute path after "unix:"' };
    if (Buffer.byteLength(path) > longestPathOctets)
      return { problem: `the path of a socket may have ${longestPathOctets} octets; choose a shorter one` };
    return { value: { kind: 'unix', path } };
  }
  const address = parseListenAddress(text.replace(/^inet:/, ''));
  return 'problem' in address
    ? { problem: 'expected "unix:/path", or "host:port" such as "127.0.0.1:2526"' }
    : { value: { kind: 'tcp', ...address.value } };
}

/** Why it does not listen there, with the remedy; undefined where it may. */
export function socketmapExposure(address: SocketmapAddress, insecure: boolean): string | undefined {
  if (address.kind === 'unix') return undefined;
  const share = 'let both have a directory, and listen on "unix:/path" in it';
  if (!isLoopbackHost(address.host))
    return `other machines can reach ${address.host}, and whoever asks gets tokens in clear; ${share}`;
  if (insecure) return undefined;
  return (
    `every user of this machine can reach ${address.host}, and whoever asks gets tokens; ${share};` +
    ' or, if all of them may have the tokens, "insecure": true'
  );
}
