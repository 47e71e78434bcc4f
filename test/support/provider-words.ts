/**
 * What providers really say when they refuse, word for word but for names and times, from their documentation and
 * from reports of their users. The tests let a server say them; docs/errors.md is printed from them. What they mean is
 * not said here: that is for the program to say.
 */
import type { FailureCode } from '../../src/core/failures.js';

/** What a token endpoint answers, or what the sign-in page sends back or shows. */
export interface EndpointWords {
  readonly provider: 'Google' | 'Microsoft';
  readonly status: number;
  readonly error: string;
  readonly description: string;
  readonly code: FailureCode;
  /** A part of the sentence that an administrator gets. */
  readonly meaning: string;
}

function words(
  provider: EndpointWords['provider'],
  code: FailureCode,
  [status, error]: readonly [number, string],
  description: string,
  meaning: string,
): EndpointWords {
  return { provider, status, error, description, code, meaning };
}

const invalidGrant = [400, 'invalid_grant'] as const;
const invalidRequest = [400, 'invalid_request'] as const;
const invalidClient = [401, 'invalid_client'] as const;
const unauthorizedClient = [400, 'unauthorized_client'] as const;
const client = 'client-rejected';
const dead = 'grant-dead';

export const endpointWords: readonly EndpointWords[] = [
  words(
    'Microsoft',
    dead,
    invalidGrant,
    'AADSTS700082: The refresh token has expired due to inactivity. The token was issued on 2026-05-20T16:18:37.2732417Z and was inactive for 90.00:00:00.',
    'not used for 90 days',
  ),
  words(
    'Microsoft',
    dead,
    invalidGrant,
    'AADSTS70000: The user could not be authenticated as the grant is expired. The user must sign in again.',
    'not valid for this client',
  ),
  words(
    'Microsoft',
    dead,
    invalidGrant,
    'AADSTS70008: The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.',
    'has expired',
  ),
  words(
    'Microsoft',
    dead,
    invalidGrant,
    "AADSTS50173: The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password. The grant was issued on '2026-05-20T16:18:37.0000000Z' and the TokensValidFrom date for this user is '2026-06-02T08:00:00.0000000Z'.",
    'changed password',
  ),
  words(
    'Microsoft',
    dead,
    invalidGrant,
    'AADSTS70043: The refresh token has expired or is invalid due to sign-in frequency checks by conditional access. The token was issued on 2026-06-02T14:27:05.8405153Z and the maximum allowed lifetime for this request is 86400.',
    'sign-in frequency',
  ),
  words(
    'Microsoft',
    dead,
    [400, 'interaction_required'],
    "AADSTS50076: Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '00000002-0000-0ff1-ce00-000000000000'.",
    'multi-factor authentication is needed',
  ),
  words(
    'Microsoft',
    dead,
    [400, 'interaction_required'],
    "AADSTS50078: Presented multi-factor authentication has expired due to policies configured by your administrator, you must refresh your multi-factor authentication to access '00000002-0000-0ff1-ce00-000000000000'.",
    'multi-factor authentication has expired',
  ),
  words(
    'Microsoft',
    dead,
    [400, 'interaction_required'],
    "AADSTS50079: Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access '00000002-0000-0ff1-ce00-000000000000'.",
    'must set up multi-factor',
  ),
  words(
    'Microsoft',
    dead,
    invalidGrant,
    'AADSTS54005: OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.',
    'used twice',
  ),
  words(
    'Microsoft',
    dead,
    invalidGrant,
    "AADSTS65001: The user or administrator has not consented to use the application with ID '11111111-2222-3333-4444-555555555555' named 'mail-relay'. Send an interactive authorization request for this user and resource.",
    'grant consent',
  ),
  words(
    'Microsoft',
    dead,
    invalidGrant,
    'AADSTS700084: The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of 1.00:00:00, which cannot be extended. It is now expired and a new sign in request must be sent by the SPA to the sign in page.',
    'single-page app',
  ),
  words(
    'Microsoft',
    dead,
    invalidGrant,
    'AADSTS53003: Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.',
    'Conditional Access',
  ),
  words(
    'Microsoft',
    dead,
    invalidGrant,
    "AADSTS50020: User account 'me@example.org' from identity provider 'live.com' does not exist in tenant 'Example' and cannot access the application '11111111-2222-3333-4444-555555555555' in that tenant.",
    'not of this tenant',
  ),
  words(
    'Microsoft',
    client,
    invalidClient,
    "AADSTS7000222: The provided client secret keys for app '11111111-2222-3333-4444-555555555555' are expired. Visit the Azure portal to create new keys for your app.",
    'has expired: create a new one',
  ),
  words(
    'Microsoft',
    client,
    invalidClient,
    "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '11111111-2222-3333-4444-555555555555'.",
    'not its id',
  ),
  words(
    'Microsoft',
    client,
    invalidClient,
    "AADSTS7000218: The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    'Allow public client flows',
  ),
  words(
    'Microsoft',
    client,
    invalidClient,
    "AADSTS700025: Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
    'remove client_secret',
  ),
  words(
    'Microsoft',
    client,
    invalidRequest,
    "AADSTS90023: Public clients can't send a client secret.",
    'remove client_secret',
  ),
  words(
    'Microsoft',
    client,
    invalidClient,
    'AADSTS700027: The certificate with identifier used to sign the client assertion is not registered on application.',
    'certificate',
  ),
  words(
    'Microsoft',
    client,
    unauthorizedClient,
    "AADSTS700016: Application with identifier '11111111-2222-3333-4444-555555555555' was not found in the directory 'Example'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.",
    'not known in this tenant',
  ),
  words(
    'Microsoft',
    client,
    invalidRequest,
    'AADSTS50059: No tenant-identifying information found in either the request or implied by any provided credentials.',
    'instead of "common"',
  ),
  words(
    'Microsoft',
    client,
    invalidRequest,
    "AADSTS90002: Tenant 'exmaple.org' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.",
    'no such tenant',
  ),
  words(
    'Microsoft',
    client,
    invalidRequest,
    "AADSTS900144: The request body must contain the following parameter: 'scope'.",
    'set "scope"',
  ),
  words(
    'Microsoft',
    client,
    [400, 'invalid_scope'],
    "AADSTS70011: The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid.",
    'correct "scope"',
  ),
  words(
    'Microsoft',
    client,
    [400, 'invalid_resource'],
    'AADSTS500011: The resource principal named https://outlook.example was not found in the tenant named Example. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.',
    'correct "scope"',
  ),
  words(
    'Microsoft',
    client,
    invalidRequest,
    "AADSTS50011: The redirect URI 'http://127.0.0.1:54332/' specified in the request does not match the redirect URIs configured for the application '11111111-2222-3333-4444-555555555555'.",
    'redirect address',
  ),
  words('Google', dead, invalidGrant, 'Token has been expired or revoked.', '"Testing"'),
  words('Google', dead, invalidGrant, 'Bad Request', 'has expired, was revoked or was used before'),
  words('Google', dead, invalidGrant, 'reauth related error (invalid_rapt)', 'session control'),
  words('Google', dead, invalidGrant, 'Account has been deleted', 'was deleted'),
  words('Google', dead, invalidGrant, 'Invalid email or User ID', 'check "user"'),
  words('Google', dead, invalidGrant, 'Invalid JWT Signature.', 'service_account_file'),
  words(
    'Google',
    dead,
    invalidGrant,
    'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.',
    'timedatectl',
  ),
  words(
    'Google',
    client,
    [401, 'unauthorized_client'],
    'Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.',
    'domain-wide delegation',
  ),
  words('Google', client, [401, 'unauthorized_client'], 'Unauthorized', 'check its type and permissions'),
  words('Google', client, invalidClient, 'The OAuth client was not found.', 'no such OAuth client'),
  words('Google', client, [401, 'deleted_client'], 'The OAuth client was deleted.', 'within 30 days'),
  words('Google', client, [401, 'disabled_client'], 'The OAuth client was disabled.', 'was disabled'),
  words('Google', client, invalidRequest, 'client_secret is missing.', 'set client_secret'),
  words(
    'Google',
    client,
    [400, 'admin_policy_enforced'],
    'Access to your account data is restricted by policies within your organization.',
    'trust the client id',
  ),
  words(
    'Google',
    client,
    [403, 'org_internal'],
    'This client is restricted to users within its organization.',
    'External',
  ),
];

/** What a submission server says, and a part of the sentence that an administrator gets. */
export interface ServerWords {
  readonly provider: 'Google' | 'Microsoft' | 'Others';
  readonly reply: string;
  readonly meaning: string;
}

function said(provider: ServerWords['provider'], reply: string, meaning: string): ServerWords {
  return { provider, reply, meaning };
}

export const serverWords: readonly ServerWords[] = [
  said(
    'Google',
    '535 5.7.8 Username and Password not accepted. For more information, go to https://support.google.com/mail/?p=BadCredentials',
    'sign in as ADDRESS',
  ),
  said(
    'Google',
    '334 {"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}',
    'lacks the mail scope',
  ),
  said('Google', '454 4.7.0 Too many login attempts, please try again later.', 'logins_per_minute'),
  said('Google', '550 5.4.5 Daily user sending limit exceeded.', 'in a day'),
  said('Microsoft', '535 5.7.3 Authentication unsuccessful', 'SMTP.Send'),
  said(
    'Microsoft',
    '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.',
    'Set-CASMailbox',
  ),
  said(
    'Microsoft',
    '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.',
    'Set-TransportConfig',
  ),
  said(
    'Microsoft',
    "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy.",
    'security defaults',
  ),
  said('Microsoft', '530 5.7.57 Client not authenticated to send mail.', 'no sign-in that it accepts'),
  said('Microsoft', '550 5.7.30 Basic authentication is not supported for Client Submission.', 'a password'),
  said('Microsoft', '501 5.5.124 User address not valid', '"user"'),
  said('Microsoft', '501 5.5.127 Token will expire soon', 'hve'),
  said(
    'Microsoft',
    '554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied',
    'Send as',
  ),
  said('Microsoft', '432 4.3.2 Concurrent connections limit exceeded', 'max_sessions'),
  said('Microsoft', '432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded', 'max_sessions'),
  said('Microsoft', '451 4.7.0 Temporary server error. Please try again later.', 'passes'),
  said('Google', '421 4.7.0 Try again later, closing connection.', 'send less at once'),
  said(
    'Google',
    '450 4.2.1 The user you are trying to contact is receiving mail too quickly.',
    'too much at once',
  ),
  said('Others', '535 5.7.8 Authentication failed: bad token', 'scope for SMTP'),
];
