/**
 * What the netstrings of a socketmap hold (socketmap_table(5)): requests `name key`, and replies. Keys may hold any
 * octet but NUL, which no program of C can mean.
 */

/** What Postfix reads of a reply; as good a bound for requests. */
export const mostOctets = 100_000;

export type SocketmapReply =
  | { readonly kind: 'ok'; readonly value: string }
  | { readonly kind: 'notfound' }
  /** `temp`: may pass. `perm`: the request is no good. Postfix defers mail for either. */
  | { readonly kind: 'temp' | 'perm'; readonly reason: string };

/** The key; undefined where it is no request. The name of the map is the client's own affair. */
export function parseRequest(octets: Buffer): string | undefined {
  const text = octets.toString();
  const space = text.indexOf(' ');
  return space < 0 || text.includes('\0') ? undefined : text.slice(space + 1);
}

export function formatSocketmapReply(reply: SocketmapReply): Buffer {
  const words = { ok: 'OK', notfound: 'NOTFOUND', temp: 'TEMP', perm: 'PERM' } as const;
  const text = reply.kind === 'ok' ? reply.value : reply.kind === 'notfound' ? '' : reply.reason;
  return Buffer.from(`${words[reply.kind]} ${text}`);
}
