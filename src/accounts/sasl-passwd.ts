/**
 * Postfix's /etc/postfix/sasl_passwd, where sasl-xoauth2 set-ups keep the login name of a token file:
 * `[smtp.gmail.com]:587 user@example.com:/etc/tokens/user@example.com`. Entries with a password are passed
 * over. Syntax: postconf(5) "smtp_sasl_password_maps", postmap(1).
 */
import { readFile } from 'node:fs/promises';
import { logicalLines } from './postfix-lines.js';

/** Path of a token file, as Postfix sees it, to login name. */
export type SaslLogins = ReadonlyMap<string, string>;

/** What stands in `file`. One that is missing or cannot be read says nothing: it is a help, not a need. */
export async function readSaslPasswd(file: string): Promise<SaslLogins> {
  try {
    return parseSaslPasswd(await readFile(file, 'utf8'));
  } catch {
    return new Map();
  }
}

export function parseSaslPasswd(text: string): SaslLogins {
  const logins = new Map<string, string>();
  for (const line of logicalLines(text)) {
    // The key ends at white space, the login name at the first colon; a path may hold both.
    const match = /^\S+\s+([^:]+):(\/.*)$/.exec(line);
    const [, user, path] = match ?? [];
    // The same token for several next hops: the first entry names its user.
    if (user !== undefined && path !== undefined && !logins.has(path)) logins.set(path, user);
  }
  return logins;
}

/**
 * The login name for a token file. A chrooted Postfix says /etc/tokens/x and means
 * /var/spool/postfix/etc/tokens/x, so an entry also stands for every path that ends in its own; the longest wins.
 */
export function saslLogin(logins: SaslLogins, tokenFile: string): string | undefined {
  let best = '';
  for (const path of logins.keys()) if (path.length > best.length && tokenFile.endsWith(path)) best = path;
  return logins.get(best);
}
