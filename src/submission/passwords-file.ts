/**
 * The passwords file as text and as data: which passwords each user has, each with a name, so that one can be
 * withdrawn alone, and with what it may be used for. Reading it from disk is passwords.ts's, changing it `passwd`'s.
 */
import { isObject, parseLenientJson } from '../config/lenient-json.js';
import { parseSender } from '../config/values.js';
import { AppError } from '../core/errors.js';
import { formatHash, parseHash, type PasswordHash } from './password-hash.js';

export interface PasswordEntry {
  /** In lower case. */
  readonly user: string;
  /** Tells the passwords of one user apart. */
  readonly name: string;
  readonly hash: PasswordHash;
  /** Addresses and `@domains` that it may send for, in lower case; undefined: all. */
  readonly senders: readonly string[] | undefined;
  /** Names of accounts that it may use, in lower case; undefined: all. */
  readonly accounts: readonly string[] | undefined;
}

/** Logins are compared without regard to case, as addresses are. */
export function loginOf(user: string): string {
  return user.toLowerCase();
}

/** Throws AppError passwords-unusable, which names the place and never what stands there. */
export function parsePasswords(text: string, path: string): readonly PasswordEntry[] {
  const wrong = (problem: string) =>
    new AppError('passwords-unusable', `${path}: ${problem}`, {
      hint: 'mend it, or move it away and make it anew: mailbearer passwd add USER NAME',
    });
  const json = parseLenientJson(text);
  if (json.kind === 'problem') throw wrong(json.problem);
  const list = isObject(json.value) ? json.value['passwords'] : undefined;
  if (!Array.isArray(list)) throw wrong('passwords: expected a list');
  const seen = new Set<string>();
  return list.map((item: unknown, index): PasswordEntry => {
    const entry = isObject(item) ? item : {};
    const [user, name] = [word(entry['user']), word(entry['name'])];
    const hash = typeof entry['hash'] === 'string' ? parseHash(entry['hash']) : undefined;
    const senders = strings(entry['senders'])?.map((sender) => parseSender(sender));
    const accounts = strings(entry['accounts']);
    const place = `passwords[${index}]`;
    if (user === undefined) throw wrong(`${place}.user: expected a login name`);
    if (name === undefined) throw wrong(`${place}.name: expected a name`);
    if (hash === undefined) throw wrong(`${place}.hash: expected what mailbearer passwd writes`);
    if (entry['senders'] !== undefined && senders === undefined)
      throw wrong(`${place}.senders: ${listExpected}`);
    if (entry['accounts'] !== undefined && accounts === undefined)
      throw wrong(`${place}.accounts: ${listExpected}`);
    const login = loginOf(user);
    const key = JSON.stringify([login, name]);
    if (seen.has(key)) throw wrong(`${place}: ${user} has a password "${name}" already`);
    seen.add(key);
    return {
      user: login,
      name,
      hash,
      senders: senders?.map((sender, at) => {
        if ('problem' in sender) throw wrong(`${place}.senders[${at}]: ${sender.problem}`);
        return sender.value;
      }),
      accounts: accounts?.map((account) => account.toLowerCase()),
    };
  });
}

export function formatPasswords(entries: readonly PasswordEntry[]): string {
  const passwords = entries.map(({ accounts, hash, name, senders, user }) => ({
    user,
    name,
    hash: formatHash(hash),
    senders,
    accounts,
  }));
  return `${JSON.stringify({ passwords }, undefined, 2)}\n`;
}

/** What a login or the name of a password may be. */
export function isName(text: string): boolean {
  return text !== '' && text.length <= 255 && !/[\u0000-\u001f\u007f-\u009f]/.test(text);
}

const listExpected = 'expected a list of strings';

function word(value: unknown): string | undefined {
  return typeof value === 'string' && isName(value) ? value : undefined;
}

function strings(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) && value.every((item): item is string => typeof item === 'string')
    ? value
    : undefined;
}
