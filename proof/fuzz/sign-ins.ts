/**
 * Sign-ins of a client that nobody would write: each mechanism with its messages spoiled before or after they are
 * encoded, cancelled, too long, no base64, with NULs, in the wrong order. All strings are latin1, a character an octet.
 */
import type { Random } from '../random.js';
import { mutate } from './mutate.js';

export const user = 'u@fuzz.test';
export const password = 'right-password';
export const token = 'right-token-of-u';

/** What a client says, in order. */
const messages = {
  PLAIN: [`\0${user}\0${password}`],
  LOGIN: [user, password],
  XOAUTH2: [`user=${user}\x01auth=Bearer ${token}\x01\x01`],
  OAUTHBEARER: [`n,a=${user},\x01host=fuzz.test\x01auth=Bearer ${token}\x01\x01`],
} as const;

export type Mechanism = keyof typeof messages;
export const mechanisms = Object.keys(messages) as readonly Mechanism[];

/** @param initial whether the first message comes along with the command */
export function properSignIn(mechanism: Mechanism, initial: boolean): string {
  return written(mechanism, messages[mechanism].map(base64), initial);
}

/** A dialogue from EHLO on. */
export function randomSignIns(random: Random): string {
  const tries = Array.from({ length: random.between(1, 4) }, () => randomSignIn(random));
  const dialogue = `EHLO c.test\r\n${tries.join('')}`;
  return random.chance(0.5) ? dialogue : mutate([dialogue], random);
}

/** Whether the right password or token is anywhere in what a client said. */
export function holdsSecret(text: string): boolean {
  const decoded = text.split(/[\r\n ]/).map((word) => Buffer.from(word, 'base64').toString('latin1'));
  return decoded.some((words) => words.includes(password) || words.includes(token));
}

function randomSignIn(random: Random): string {
  const mechanism = random.pick(mechanisms);
  const lines = messages[mechanism].map((message) => {
    const line = base64(random.chance(0.6) ? message : spoiled(message, random));
    return random.chance(0.8) ? line : random.pick(oddResponses)(line);
  });
  const keyword = random.chance(0.9)
    ? mechanism
    : random.pick(['plain', 'CRAM-MD5', 'x'.repeat(21), '', '*']);
  // Refused tokens get a challenge that wants an answer.
  const answer = random.chance(0.5) ? `${random.pick(['', 'AQ==', '*', '=', 'NOOP'])}\r\n` : '';
  return written(keyword, lines, random.chance(0.5)) + answer;
}

const oddResponses: readonly ((line: string) => string)[] = [
  () => '*',
  () => '=',
  () => '',
  (line) => line.slice(0, -1),
  (line) => `${line}=`,
  (line) => `${line}!`,
  (line) => ` ${line} `,
  (line) => `${line}\r${line}`,
  (line) => `${line}\n`,
  (line) => `${line}\0`,
  // RFC 4954, 4: this long must be taken.
  () => 'QUJD'.repeat(3072),
  () => 'QUJD'.repeat(3073),
  () => 'QUJD'.repeat(8000),
];

function spoiled(message: string, random: Random): string {
  switch (random.below(5)) {
    case 0:
      return message.replace(
        user,
        random.pick(['', '\0', `${user}\0`, `\x01${user}`, 'x'.repeat(9000), '\xff', 'a,b=c']),
      );
    case 1:
      return `somebody@else.test${message}`;
    case 2:
      return message.replaceAll('\x01', random.pick(['', '\x01\x01', '\0', ' ']));
    case 3:
      return `${message}${random.pick(['\0', '\0\0', '\x01', 'x', '\xc3'])}`;
    default:
      return mutate([message], random);
  }
}

function written(keyword: string, lines: readonly string[], initial: boolean): string {
  return [`AUTH ${keyword}`, ...lines].join('\r\n').replace('\r\n', initial ? ' ' : '\r\n') + '\r\n';
}

function base64(text: string): string {
  return Buffer.from(text, 'latin1').toString('base64');
}
