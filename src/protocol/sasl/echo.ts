/**
 * Keeps a credential out of what a server says about it. Some servers repeat the line that they did not
 * understand, whole or in part, and a line of AUTH holds the token; a reply goes into logs and to clients.
 */
import type { Reply } from '../smtp/reply.js';

/** What bearer tokens (RFC 6750, 2.1) and base64 are made of. A dot at the end is a full stop. */
const words = /[\w+/=~-]+(?:\.[\w+/=~-]+)*/g;
/** Fewer octets than this give nothing away, and may be a word by chance. */
const shortestEcho = 12;

/** `reply` with each word replaced that repeats a part of one of `secrets`. */
export function withoutEcho(reply: Reply, secrets: readonly string[]): Reply {
  if (secrets.length === 0) return reply;
  const lines = reply.lines.map((line) =>
    line.replace(words, (word) => {
      const decoded = Buffer.from(word, 'base64').toString('latin1');
      const echoes = [word, ...(decoded.match(words) ?? [])].some((part) => isEcho(part, secrets));
      return echoes ? '[redacted]' : word;
    }),
  );
  return { code: reply.code, lines };
}

function isEcho(word: string, secrets: readonly string[]): boolean {
  if (word.length < shortestEcho) return false;
  return secrets.some(
    (secret) => secret.includes(word) || (secret.length >= shortestEcho && word.includes(secret)),
  );
}
