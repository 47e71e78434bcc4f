/**
 * What a submission server's refusal of a sign-in or a message means, and what mends it, by the server's own words.
 * Pure. Where the account is known, the sentence names its mailbox and its scope.
 * Sources: learn.microsoft.com/exchange/clients-and-mobile-in-exchange-online/authenticated-client-smtp-submission,
 * support.google.com/a/answer/3221692.
 */

import type { SubmittingAccount } from '../accounts/account.js';

/** ADDRESS and SCOPE stand for the account's own. */
const meanings: readonly (readonly [RegExp, string])[] = [
  [
    /5\.7\.139.*disabled for the Mailbox/i,
    'SMTP AUTH is off for this mailbox: Set-CASMailbox -Identity ADDRESS -SmtpClientAuthenticationDisabled $false',
  ],
  [
    /5\.7\.139.*disabled for the Tenant/i,
    'SMTP AUTH is off for the organization: Set-CASMailbox -Identity ADDRESS -SmtpClientAuthenticationDisabled $false,' +
      ' or for all: Set-TransportConfig -SmtpClientAuthenticationDisabled $false',
  ],
  [
    /5\.7\.139.*security defaults/i,
    'security defaults forbid SMTP AUTH: replace them by Conditional Access policies in the Entra admin center',
  ],
  [
    /5\.7\.139\b/,
    "SMTP AUTH is off, or a policy forbids this sign-in: look at the account's sign-in log in the Entra admin center",
  ],
  [/5\.7\.30\b/, 'the server was shown a password and not a token: this is no OAuth sign-in'],
  [/5\.5\.124\b/, 'the login name is no mailbox: set "user" to the address of the mailbox'],
  [
    /5\.5\.127\b/,
    'the token has too little life left for this server: use the provider "hve", or a larger refresh_window',
  ],
  [
    /5\.7\.3\b/,
    'the token is not for ADDRESS or not for SMTP: the scope must be SMTP.Send of Exchange (or, for an application,' +
      ' SMTP.SendAsApp with rights to the mailbox), "user" the mailbox that signed in, and SMTP AUTH on for it',
  ],
  [
    /Username and Password not accepted|"scope":"https:\/\/mail\.google\.com/i,
    'the token is not for ADDRESS or lacks the mail scope: sign in as ADDRESS, and let the client ask for' +
      ' https://mail.google.com/',
  ],
  [
    /5\.7\.8\b|"status":"(40[01]|invalid_token|insufficient_scope)"/,
    'the token is not for ADDRESS, or not for SMTP: sign in as ADDRESS, and let the client ask for SCOPE',
  ],
  [
    /5\.7\.57\b/,
    'the server has seen no sign-in that it accepts: the token is not for ADDRESS, or SMTP AUTH is off for it:' +
      ' Set-CASMailbox -Identity ADDRESS -SmtpClientAuthenticationDisabled $false',
  ],
  [
    /5\.7\.60\b|SendAsDenied/,
    'the account may not send as this sender: give it "Send as" rights, or let Postfix rewrite senders (smtp_generic_maps)',
  ],
  [
    /5\.4\.5\b/,
    'the mailbox has sent as many messages as it may in a day: wait, or spread the mail over more mailboxes',
  ],
  [
    /432 4\.3\.2|sender thread limit/i,
    'the mailbox has more than three sessions at once: does another program use it? Lower max_sessions then',
  ],
  [
    /4\.7\.0.*too many login/i,
    'too many sign-ins in a short time: wait an hour, and lower logins_per_minute',
  ],
  [/4\.7\.0 Temporary server error/i, 'the server has trouble of its own, which passes: try again later'],
  [/\b421[ -]4\.7\.0\b/, 'the server turns this machine away for a while: wait, and send less at once'],
  [
    /4\.2\.1\b/,
    'the mailbox that the mail is for gets too much at once, or is not to be had: it is tried again',
  ],
];

/** One sentence, or undefined when nothing is known of these words. */
export function adviceForRefusal(said: string, account?: SubmittingAccount): string | undefined {
  const advice = meanings.find(([words]) => words.test(said))?.[1];
  if (account === undefined) return advice?.replaceAll('SCOPE', "the provider's scope for SMTP");
  const { grant, provider, submission } = account;
  const scope = 'scope' in grant ? grant.scope : provider.scope;
  // By functions, for a replacement as text would understand `$`.
  return advice
    ?.replaceAll('ADDRESS', () => submission.user)
    .replaceAll('SCOPE', () => scope ?? "the provider's scope for SMTP");
}
