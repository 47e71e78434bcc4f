/**
 * Where the daemon shows itself over HTTP, as data: on this machine only, since whoever reaches it may read. Other
 * machines come by `ssh -L` or through a server that has TLS and asks who they are.
 */
import { isAbsolute } from 'node:path';
import { isLoopbackHost, type Parsed, parseListenAddress } from './values.js';

export type StatusAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

export interface StatusSettings {
  readonly listen: StatusAddress;
  /** Whether what is open to all, the metrics, names accounts. */
  readonly nameAccounts: boolean;
  /** Absolute path; undefined: beside the state file. Whoever can read it may see the page. */
  readonly keyFile?: string | undefined;
}

/** `127.0.0.1:8025`, `[::1]:8025`, `localhost:8025` or `unix:/run/mailbearer/status`. */
export function parseStatusAddress(text: string): Parsed<StatusAddress> {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    return isAbsolute(path)
      ? { value: { kind: 'unix', path } }
      : { problem: 'expected an absolute path after "unix:"' };
  }
  const address = parseListenAddress(text);
  if ('problem' in address)
    return { problem: 'expected "host:port" such as "127.0.0.1:8025", or "unix:/path"' };
  const problem = statusExposure(address.value.host);
  return problem === undefined ? { value: { kind: 'tcp', ...address.value } } : { problem };
}

/** Why it does not listen there, with the remedy; undefined where only this machine reaches it. */
export function statusExposure(host: string): string | undefined {
  if (isLoopbackHost(host)) return undefined;
  return (
    `other machines can reach ${host}, and this page has neither TLS nor passwords; listen on "127.0.0.1:8025" and` +
    ' come by ssh -L 8025:127.0.0.1:8025, or put a web server with TLS and sign-in in front of it'
  );
}
