/** Cookies and other random words that a browser is known by: made here, and remembered by their digests alone. */
import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** 256 bits, of letters, digits, - and _. */
export function randomWord(): string {
  return randomBytes(32).toString('base64url');
}

/** To be remembered and compared: how long that takes tells nothing of the word. */
export function digestOf(word: string): string {
  return createHash('sha256').update(word).digest('base64');
}

/** All that a browser sent under this name: servers on other ports of this machine may have set one, too. */
export function cookiesOf({ headers }: IncomingMessage, name: string): readonly string[] {
  return (headers.cookie ?? '').split(/; */).flatMap((pair) => {
    const [key, value] = pair.split('=');
    return key === name && value !== undefined ? [value] : [];
  });
}
