/** XOAUTH2, as Google and Microsoft define it: developers.google.com/gmail/imap/xoauth2-protocol. */
import type { Mechanism } from './mechanism.js';

export const xoauth2: Mechanism = {
  keyword: 'XOAUTH2',
  response: ({ user, token }) =>
    Buffer.from(`user=${user}\x01auth=Bearer ${token.reveal()}\x01\x01`, 'utf8').toString('base64'),
  errorAnswer: '',
};
