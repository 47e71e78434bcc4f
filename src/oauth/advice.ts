/**
 * What a provider's error means to an administrator, one sentence each. Matching is on what the provider sent:
 * Microsoft's AADSTS number, Google's wording, else the standard error code. Pure; it decides nothing.
 * Sources: learn.microsoft.com/entra/identity-platform/reference-error-codes,
 * developers.google.com/identity/protocols/oauth2 (Refresh token expiration) and …/oauth2/service-account (JWT error
 * codes), RFC 6749 sections 4.1.2.1 and 5.2,
 * RFC 8628 section 3.5, OpenID Connect Core section 3.1.2.6.
 */

/** The caller appends the command, for it knows the account and the file. */
const again = 'sign in again';

const byMicrosoftCode: Readonly<Record<string, string>> = {
  7000222:
    'the client secret has expired: create a new one in the app registration and put it in client_secret',
  7000215: 'the client secret is wrong: client_secret wants the value of the secret, not its id',
  7000218:
    'the app registration wants a client secret: set client_secret, or turn on "Allow public client flows"',
  700016: 'the application is not known in this tenant: check client_id and the tenant in token_endpoint',
  700025: 'the app registration is a public client, which has no secret: remove client_secret',
  90023: 'the app registration is a public client, which has no secret: remove client_secret',
  700027:
    'the certificate is not the one of the app registration, or has expired: upload certificate_file there',
  90002: 'there is no such tenant: check its name or id in token_endpoint',
  50020: 'the account is not of this tenant: sign in again with --tenant and the domain of the mailbox',
  50011:
    'the redirect address is not registered: add http://localhost to the app registration, as "Mobile and desktop' +
    ' applications", or sign in with --use-device-flow',
  70011: 'the scope is none that Microsoft knows: correct "scope"',
  500011: 'the scope names a service that this tenant does not have: correct "scope"',
  50059: 'no tenant was named: put the tenant into token_endpoint instead of "common"',
  900144: 'the request lacks a parameter, most often the scope: set "scope" for this account',
  70000: `the refresh token is not valid for this client and these scopes; ${again}`,
  70008: `the refresh token or code has expired; ${again}`,
  700082: `the refresh token was not used for 90 days; ${again}`,
  700084: `the sign-in was made for a single-page app and lasts a day: register "Mobile and desktop applications", and ${again}`,
  53003: `a Conditional Access policy forbids the sign-in; have it changed, or ${again}`,
  50173: `the sign-in was revoked, most often by a changed password; ${again}`,
  70043: `the tenant's sign-in frequency policy has ended the sign-in; change the policy, or ${again}`,
  50076: `multi-factor authentication is needed; ${again}`,
  50078: `the multi-factor authentication has expired; ${again}`,
  50079: `the account must set up multi-factor authentication first; do so, then ${again}`,
  54005: `the code was used twice; open the page once, and ${again}`,
  65001: `nobody has consented to these scopes; let an administrator grant consent, or ${again}`,
};

/** Looked for in the description, in this order. */
const byGoogleWords: readonly (readonly [RegExp, string])[] = [
  [/invalid_rapt|reauth related error/i, `Workspace's session control has ended the sign-in; ${again}`],
  [
    /client is unauthorized to retrieve access tokens/i,
    "the service account has no domain-wide delegation: add its numeric client id with the scope https://mail.google.com/ in Workspace's Admin console",
  ],
  [
    /invalid email or user id|not a valid email/i,
    'there is no such mailbox in this Workspace: check "user" of the account',
  ],
  [
    /invalid jwt signature/i,
    'the key of the service account is not valid any more: create a new one, for service_account_file',
  ],
  [/token must be a short-lived token/i, "this machine's clock is wrong: timedatectl set-ntp true"],
  [/account (has been|was) deleted/i, 'the mailbox or service account was deleted at the provider'],
  [
    /token has been expired or revoked/i,
    `the sign-in has ended (after 7 days while the consent screen is in "Testing", or by a changed password); ${again}`,
  ],
  [
    /oauth client was not found/i,
    'there is no such OAuth client: check client_id in the Google Cloud console',
  ],
  [/client_secret is missing/i, "Google's desktop clients have a secret too: set client_secret"],
  [
    /only clients of type 'TVs/i,
    "the device flow needs a client of its own type, and Google's has no mail scope: sign in without --use-device-flow",
  ],
];

const byErrorCode: Readonly<Record<string, string>> = {
  invalid_grant: `the refresh token or code has expired, was revoked or was used before; ${again}`,
  interaction_required: `the provider wants to ask the account's owner something; ${again}`,
  login_required: `the provider wants the account's owner to sign in; ${again}`,
  consent_required: `the provider wants the account's owner to consent; ${again}`,
  access_denied: `the sign-in was refused, by the person or by a policy of the organisation; ${again}`,
  expired_token: `the code was not entered in time; ${again}`,
  admin_policy_enforced:
    "the organisation does not let this application in: have its administrator trust the client id in Workspace's Admin console (API controls)",
  org_internal: `the consent screen admits users of its own organisation only: make it "External" in the Google Cloud console, or ${again} as one of them`,
  deleted_client:
    'the OAuth client was deleted: restore it in the Google Cloud console within 30 days, or sign in again with another',
  disabled_client:
    "the OAuth client was disabled: see the project's notices in the Google Cloud console, or sign in again with another",
  invalid_client: 'check client_id and client_secret, and that the secret has not expired',
  unauthorized_client: 'the client may not use this grant: check its type and permissions at the provider',
  invalid_scope: 'the provider does not grant this scope: check "scope", and what the client may ask for',
  unsupported_grant_type: 'this is no token endpoint that refreshes tokens: check token_endpoint',
  invalid_request:
    'the provider finds the request malformed: check client_id, client_secret and token_endpoint',
};

/** One sentence, or undefined when nothing is known of this error. */
export function adviceFor(error: string | undefined, description: string | undefined): string | undefined {
  const microsoftCode = /AADSTS(\d+)/.exec(description ?? '')?.[1] ?? '';
  return (
    own(byMicrosoftCode, microsoftCode) ??
    byGoogleWords.find(([words]) => words.test(description ?? ''))?.[1] ??
    own(byErrorCode, error ?? '')
  );
}

/** A provider may send `constructor` for an error code. */
function own(table: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
