/**
 * The messages of the storm. Each has its number and the hash of its body in a header field, so that whoever gets
 * it can tell, without having seen it before, whether it is whole and unchanged.
 */
import { createHash } from 'node:crypto';
import type { Random } from '../random.js';

const digestField = /^X-Storm: (\d+) ([0-9a-f]{64})\r$/m;

/** With CRLF line ends, not dot-stuffed. Half a kilobyte to a quarter of a megabyte, most of them small. */
export function composeMessage(number: number, random: Random): Buffer {
  const lines: string[] = [];
  const size = random.chance(0.1) ? random.between(30_000, 250_000) : random.between(300, 6_000);
  for (let octets = 0; octets < size; octets += lines.at(-1)!.length + 2) lines.push(composeLine(random));
  const body = `${lines.join('\r\n')}\r\n`;
  const header = [
    'From: <storm@storm.test>',
    'To: undisclosed-recipients:;',
    `Subject: Storm ${number}`,
    'Date: Sun, 22 Nov 2026 08:00:00 +0000',
    `Message-ID: <${number}@storm.test>`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=iso-8859-1',
    'Content-Transfer-Encoding: 8bit',
    `X-Storm: ${number} ${digest(body)}`,
  ];
  return Buffer.from(`${header.join('\r\n')}\r\n\r\n${body}`, 'latin1');
}

/** What servers get wrong: dots, nothing, blanks, 8-bit octets and long lines. */
function composeLine(random: Random): string {
  switch (random.below(6)) {
    case 0:
      return '.'.repeat(random.between(1, 4));
    case 1:
      return '';
    case 2:
      return `.\xe4\xff ${random.below(1000)} \t`;
    case 3:
      return 'x'.repeat(random.between(1, 990));
    default:
      return `A line of no importance, ${random.next()}`;
  }
}

export interface Examined {
  readonly number: number;
  readonly intact: boolean;
}

/** The opposite, for a message as it came over the wire, dot-stuffed and with its end mark; undefined when it is none of ours. */
export function examineMessage(data: string): Examined | undefined {
  const text = `\r\n${data}`.slice(0, -'.\r\n'.length).replaceAll('\r\n.', '\r\n').slice(2);
  const bodyAt = text.indexOf('\r\n\r\n') + 4;
  const field = digestField.exec(text.slice(0, bodyAt));
  return field === null
    ? undefined
    : { number: Number(field[1]), intact: field[2] === digest(text.slice(bodyAt)) };
}

function digest(text: string): string {
  return createHash('sha256').update(text, 'latin1').digest('hex');
}
