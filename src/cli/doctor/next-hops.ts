/**
 * Where Postfix sends mail, as far as the relay is concerned: which next hops of its settings are the relay's
 * addresses. Pure. Source: postconf(5), relayhost, default_transport, transport(5).
 */
import type { ListenAddress } from '../../config/config.js';
import { isLoopbackHost } from '../../config/values.js';
import type { Settings } from './main-cf.js';

/** What wins over `relayhost` for the mail that it matches. */
export const winningTables = ['transport_maps', 'sender_dependent_relayhost_maps'] as const;

export interface NextHop {
  /** As written, brackets and port included: tables are asked for exactly this. */
  readonly text: string;
  readonly host: string;
  readonly bracketed: boolean;
  readonly port: number;
}

/** Undefined for what names no port: the relay has none that goes without saying. */
export function parseNextHop(text: string): NextHop | undefined {
  const [, inner, plain, port] = /^(?:\[([^\]\s]+)\]|([^[\]:\s]+)):(\d+)$/.exec(text) ?? [];
  const host = inner ?? plain;
  if (host === undefined) return undefined;
  return { text, host: host.replace(/^ipv6:/i, ''), bracketed: inner !== undefined, port: Number(port) };
}

export function leadsToRelay({ host, port }: NextHop, addresses: readonly ListenAddress[]): boolean {
  return isLoopbackHost(host) && addresses.some((address) => address.port === port);
}

/** In the order in which they are tried; several since Postfix 3.5. */
export function relayHosts(settings: Settings): readonly string[] {
  return (settings.get('relayhost') ?? '').split(/[\s,]+/).filter((word) => word !== '');
}

/** `transport:nexthop` of the setting; each may be empty. */
export function defaultTransport(settings: Settings): { transport: string; nextHop: string } {
  const [, transport = '', nextHop = ''] =
    /^([^:]*):?(.*)$/s.exec(settings.get('default_transport') ?? '') ?? [];
  return { transport, nextHop };
}

/** The relay's addresses that the text of a table names as next hops. */
export function hopsIn(source: string, addresses: readonly ListenAddress[]): readonly NextHop[] {
  return source
    .split(/\s+/)
    .map((word) => parseNextHop(word.replace(/^[\w-]*:(?=[[\w])/, '')) ?? parseNextHop(word))
    .filter((hop) => hop !== undefined)
    .filter((hop) => leadsToRelay(hop, addresses));
}
