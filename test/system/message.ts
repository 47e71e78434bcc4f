/** Messages of the system tests, and what is left of one after its journey. */

/** A message with CRLF line ends; bytes above 127 in `body` are taken as they are (latin1). */
export function compose(subject: string, body: string): Buffer {
  const header = [
    'From: Alice <alice@example.test>',
    'To: undisclosed-recipients:;',
    `Subject: ${subject}`,
    'Date: Sun, 22 Nov 2026 08:00:00 +0000',
    `Message-ID: <${subject.replaceAll(' ', '.')}@client.test>`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=iso-8859-1',
    'Content-Transfer-Encoding: 8bit',
    '',
    '',
  ].join('\r\n');
  return Buffer.from(header + body, 'latin1');
}

/** Lines that servers get wrong: dots, nothing, 8-bit octets, blanks at the end, and more than 998 octets. */
export const difficultBody = [
  '.',
  '..',
  '.hidden',
  ' .',
  '',
  '',
  'From here on: f\xfcnf \xe9toiles, and octets from \x80 to \xff',
  'trailing blanks  \t ',
  'x'.repeat(998),
  'y'.repeat(5_000),
  '.'.repeat(3_000),
  '',
  '',
  '',
].join('\r\n');

const traceFields = /^(?:(?:Return-Path|X-Original-To|Delivered-To|Received):[^\n]*\n(?:[ \t][^\n]*\n)*)*/;

/** A stored message, cut into the fields that servers put on top and the message that was submitted. */
export function takeApart(stored: Buffer): { readonly trace: string; readonly message: string } {
  const text = stored.toString('latin1');
  const trace = traceFields.exec(text)?.[0] ?? '';
  return { trace, message: text.slice(trace.length) };
}

/** A submitted message as Postfix stores it: with LF line ends. */
export function asStored(message: Buffer): string {
  return message.toString('latin1').replaceAll('\r\n', '\n');
}
