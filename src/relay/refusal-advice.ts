/**
 * What a submission server's refusal of a sign-in or a message means, and what mends it, by the server's own words.
 * Pure.
 * Sources: learn.microsoft.com/exchange/clients-and-mobile-in-exchange-online/authenticated-client-smtp-submission,
 * support.google.com/a/answer/3221692.
 */

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
    'the token is not for this mailbox or not for SMTP: the scope must be SMTP.Send of outlook.office.com (or' +
      ' SMTP.SendAsApp with rights to the mailbox), "user" the mailbox that signed in, and SMTP AUTH on for it',
  ],
  [
    /5\.7\.8\b|\{"status":"40[01]"/,
    'the token is not for this mailbox or lacks the mail scope: sign in as the mailbox that "user" names, and let' +
      ' the client ask for https://mail.google.com/',
  ],
  [
    /5\.7\.57\b/,
    'the server has seen no sign-in that it accepts: the token is not for this mailbox, or SMTP AUTH is off for it',
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
];

/** One sentence, or undefined when nothing is known of these words. */
export function adviceForRefusal(said: string): string | undefined {
  return meanings.find(([words]) => words.test(said))?.[1];
}
