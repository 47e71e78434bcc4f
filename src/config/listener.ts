/**
 * One port of the relay as data: where it is, its TLS, who may come in and as whom they may send; and the rule
 * that a port which other machines reach has TLS and demands AUTH. listener-schema.ts makes it from JSON.
 */
import { isIPv4, isIPv6 } from 'node:net';
import type { ListenAddress } from './config.js';
import type { OAuth2Settings } from './oauth2.js';
import { isLoopbackHost, type Parsed } from './values.js';

/** How TLS starts. `auto`: at once where the client begins with it, else by STARTTLS. */
export type ListenerTls = 'none' | 'starttls' | 'implicit' | 'auto';

export interface ClientNetwork {
  readonly family: 'ipv4' | 'ipv6';
  readonly address: string;
  /** Bits that count, from the left. */
  readonly prefix: number;
}

/** PEM files, absolute paths; the certificate's has the chain behind it. */
export interface CertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** What AUTH is at one port; without it, AUTH is not offered. */
export interface ListenerAuthSettings {
  /** No mail is taken before AUTH. */
  readonly required: boolean;
  /** Absolute path of what PLAIN and LOGIN are checked with. */
  readonly passwordsFile?: string | undefined;
  /** Who says through which account a message goes: its sender, the login, or both, if they agree. */
  readonly accountBy: 'sender' | 'login' | 'both';
  /** By login in lower case: what it may send for, besides what its password says. */
  readonly loginSenders: ReadonlyMap<string, readonly string[]>;
  /** Whose token the upstream server gets: the account's, or the one that the client signed in with. */
  readonly upstreamToken: 'stored' | 'client';
  /** How bearer tokens are checked; undefined: XOAUTH2 and OAUTHBEARER are not offered. */
  readonly oauth2?: OAuth2Settings | undefined;
}

export interface ListenerSettings extends ListenAddress {
  readonly tls: ListenerTls;
  /** Set unless `tls` is none. */
  readonly certificate: CertificateFiles | undefined;
  /** Undefined: from everywhere. */
  readonly clients: readonly ClientNetwork[] | undefined;
  /** Names of the accounts that may be used here; undefined: all. */
  readonly accounts: readonly string[] | undefined;
  /** Meant to be open: the rule of `exposureOf` does not hold. */
  readonly insecure: boolean;
  readonly auth: ListenerAuthSettings | undefined;
}

/** What a bare "host:port" means. */
export function plainListener(address: ListenAddress): ListenerSettings {
  return {
    ...address,
    tls: 'none',
    certificate: undefined,
    clients: undefined,
    accounts: undefined,
    insecure: false,
    auth: undefined,
  };
}

type Exposed = Pick<ListenerSettings, 'host' | 'tls' | 'insecure'> & {
  readonly auth?: Pick<ListenerAuthSettings, 'required'> | undefined;
};

/** Why a port may not be opened, with the remedy, or undefined. Whatever is not surely loopback is beyond it. */
export function exposureOf({ auth, host, insecure, tls }: Exposed): string | undefined {
  if (insecure || isLoopbackHost(host)) return undefined;
  const lacking = [
    ...(tls === 'none' ? ['"tls" with certificate_file and key_file'] : []),
    ...(auth?.required === true ? [] : ['"auth": { "required": true }']),
  ];
  if (lacking.length === 0) return undefined;
  return (
    `other machines can reach ${host}, so it needs ${lacking.join(' and ')};` +
    ' or listen on this machine alone, such as 127.0.0.1;' +
    ' or, if all who reach it may send, "insecure": true'
  );
}

/** An address or a network in CIDR notation. */
export function parseNetwork(text: string): Parsed<ClientNetwork> {
  const [, address = '', bits] = /^([0-9a-f.:]+)(?:\/(\d{1,3}))?$/i.exec(text.trim()) ?? [];
  const family = isIPv4(address) ? 'ipv4' : isIPv6(address) ? 'ipv6' : undefined;
  const longest = family === 'ipv4' ? 32 : 128;
  const prefix = bits === undefined ? longest : Number(bits);
  if (family === undefined || prefix > longest)
    return { problem: 'expected an address or a network such as "192.0.2.0/24" or "2001:db8::/32"' };
  return { value: { family, address, prefix } };
}

/** Where this machine itself reaches a port. */
export function nearAddress({ host, port }: ListenAddress): ListenAddress {
  return { host: near[host] ?? host, port };
}

const near: Readonly<Record<string, string | undefined>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
