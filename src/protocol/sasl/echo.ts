/**
 * Keeps a credential out of what a server says about it. Some servers repeat the line that they did not
 * understand, whole or in part, and a line of AUTH holds the token; a reply goes into logs and to clients.
 */
import type { Reply } from '../smtp/reply.js';

/** A shorter part gives nothing away, and may be a word by chance. Octets. */
const shortestEcho = 12;
const base64Words = /[\w+/-]{16,}={0,2}/g;

type Test = (part: string) => boolean;

/** `reply` with each part replaced that repeats a part of one of `secrets`, plain or in base64. */
export function withoutEcho(reply: Reply, secrets: readonly string[]): Reply {
  if (secrets.length === 0) return reply;
  // A reply is short and a token long: its parts are looked for in the token, and not the other way round.
  const isSecret: Test = (part) => secrets.some((secret) => secret.includes(part));
  const lines = reply.lines.map((line) =>
    redact(line, isSecret).replace(base64Words, (word) =>
      partsOf(Buffer.from(word, 'base64').toString('latin1')).some(isSecret) ? '[redacted]' : word,
    ),
  );
  return { code: reply.code, lines };
}

/** Every run of that many octets. */
function partsOf(text: string): string[] {
  return Array.from({ length: Math.max(0, text.length - shortestEcho + 1) }, (_, at) =>
    text.slice(at, at + shortestEcho),
  );
}

function redact(line: string, isSecret: Test): string {
  let clean = '';
  let kept = 0;
  let redactedTo = 0;
  for (const [at, part] of partsOf(line).entries()) {
    if (!isSecret(part)) continue;
    if (at > redactedTo || redactedTo === 0) clean += `${line.slice(kept, at)}[redacted]`;
    redactedTo = at + shortestEcho;
    kept = redactedTo;
  }
  return clean + line.slice(kept);
}
