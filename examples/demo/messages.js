// @ts-check
/**
 * The demo's mail: messages made of what mail software gets wrong, and a program that submits them by plain SMTP
 * (nodemailer), which knows nothing of OAuth.
 */
import { createTransport } from 'nodemailer';

/** What is in a message, for people. */
export const difficulties = 'leading dots, 8-bit text and a line of 5,000 octets';

/**
 * A message with CRLF line ends, as it stands in an SMTP session but for the dot-stuffing.
 *
 * @param {{ from: string, to: string, subject: string }} header
 * @returns {Buffer}
 */
export function compose({ from, to, subject }) {
  const lines = [
    `From: Alice <${from}>`,
    `To: Bob <${to}>`,
    `Subject: ${subject}`,
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${Date.now()}@app.example.test>`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
    '',
    // A lone dot would end the message, and one dot of two is lost, where dot-stuffing is done wrong.
    '.',
    '..two dots, then text',
    'Grüße, 你好, Привет: not a byte of it is ASCII',
    'trailing blanks, which some software trims  \t ',
    // RFC 5321 allows 998 octets a line; real mail does not care.
    'x'.repeat(5_000),
    '',
    '.',
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n`);
}

/**
 * Submits a message; rejects when it is not taken.
 *
 * @param {number} port On 127.0.0.1.
 * @param {{ from: string, to: string, content: Buffer }} message
 * @returns {Promise<string>} The reply to the message.
 */
export async function submit(port, { from, to, content }) {
  const transport = createTransport({
    host: '127.0.0.1',
    port,
    name: 'app.example.test',
    ignoreTLS: true,
    // Milliseconds; by default it would wait ten minutes for a server that is silent.
    socketTimeout: 10_000,
  });
  const { response } = await transport.sendMail({
    envelope: { from, to, use8BitMime: true },
    raw: content,
  });
  return response;
}
