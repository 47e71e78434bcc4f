/** The keys of `auth` in an entry of `relay.listen`: how clients sign in there. */
import { z } from 'zod';
import type { ListenerAuthSettings } from './listener.js';
import { oauth2 } from './oauth2-schema.js';
import { closedSection, flag, oneOf, oneOrMore, path } from './schema-values.js';
import { parseSender } from './values.js';

export const listenerAuthShape = {
  required: flag.default(false).describe('Whether mail is taken after AUTH only.'),
  passwords_file: path
    .optional()
    .describe(
      'Absolute path of the file of `mailbearer passwd`, for PLAIN and LOGIN; read again when it changes.',
    ),
  account_by: oneOf('sender', 'login', 'both')
    .default('sender')
    .describe(
      'Which account sends: that of the sender, that of the login, or theirs if both have the same one.',
    ),
  login_senders: z
    .record(z.string(), oneOrMore(parseSender), { error: 'expected an object' })
    .default({})
    .describe(
      'By login: addresses ("a@b") and domains ("@b") that it may send for; the account of the first address is' +
        ' that of the login.',
    ),
  upstream_token: oneOf('stored', 'client')
    .default('stored')
    .describe(
      "Whose token the SMTP server gets: the account's, or the one that the client has signed in with; then there is no" +
        ' other way to sign in.',
    ),
  oauth2: oauth2.optional().describe('How tokens of XOAUTH2 and OAUTHBEARER are checked.'),
};

export const listenerAuth = closedSection(listenerAuthShape).check(({ value, issues }) => {
  if (value.upstream_token !== 'client' || value.passwords_file === undefined) return;
  const message = '"client" leaves no use for passwords_file: who gives a password has no token to send with';
  issues.push({ code: 'custom', message, input: value.upstream_token, path: ['upstream_token'] });
});

export function toListenerAuth(raw: z.output<typeof listenerAuth>): ListenerAuthSettings {
  return {
    required: raw.required,
    passwordsFile: raw.passwords_file,
    accountBy: raw.account_by,
    loginSenders: new Map(
      Object.entries(raw.login_senders).map(([login, senders]) => [login.toLowerCase(), senders]),
    ),
    upstreamToken: raw.upstream_token,
    oauth2: raw.oauth2,
  };
}
