/** A server as Postfix names it when it looks for a login: `host`, `[host]`, `[host]:port`, or with a service's name. */
import type { ServerName } from '../accounts/upstreams.js';

/** As /etc/services has them (RFC 6409, RFC 8314). */
const services: Readonly<Record<string, number | undefined>> = {
  smtp: 25,
  submission: 587,
  submissions: 465,
  smtps: 465,
};

/** Undefined where it names no server. */
export function parseServer(key: string): ServerName | undefined {
  const match = /^(?:\[(?:ipv6:)?([^\s[\]@]+)\]|([^\s[\]:@]+))(?::(\w+))?$/i.exec(key);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) return undefined;
  const word = match?.[3]?.toLowerCase();
  if (word === undefined) return { host };
  const port = /^\d{1,5}$/.test(word) ? Number(word) : services[word];
  return port === undefined ? undefined : { host, port };
}
