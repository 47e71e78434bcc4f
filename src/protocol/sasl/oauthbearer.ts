/** OAUTHBEARER (RFC 7628). */
import type { Mechanism } from './mechanism.js';

/** RFC 5801, 4: `,` and `=` have a meaning in the GS2 header. */
function saslName(name: string): string {
  return name.replaceAll('=', '=3D').replaceAll(',', '=2C');
}

export const oauthbearer: Mechanism = {
  keyword: 'OAUTHBEARER',
  response: ({ user, token, host, port }) =>
    Buffer.from(
      `n,a=${saslName(user)},\x01host=${host}\x01port=${port}\x01auth=Bearer ${token.reveal()}\x01\x01`,
      'utf8',
    ).toString('base64'),
  // A single 0x01 (RFC 7628, 3.2.3).
  errorAnswer: 'AQ==',
};
