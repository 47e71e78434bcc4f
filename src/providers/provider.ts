/**
 * What is known of a mail provider, as data: where its endpoints are, how its tokens behave, what its SMTP
 * server says in words of its own. Quirks are named by behaviour, never by provider, so no other file asks
 * "is this Google?". Adding a provider is one file beside this one and one line in presets.ts.
 */

/** How TLS starts: after STARTTLS, from the first octet, or never (loopback upstreams only). */
export type TlsMode = 'starttls' | 'implicit' | 'none';

export interface SmtpHost {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsMode;
}

export type MechanismName = 'xoauth2' | 'oauthbearer';

/** How much one mailbox may do at its SMTP server. */
export interface Pace {
  /** At once. */
  readonly sessions: number;
  /** Undefined: no limit is known. */
  readonly messagesPerMinute: number | undefined;
  readonly loginsPerMinute: number | undefined;
}

/** An upstream reply that speaks of the account and not of the message, and what the client is told instead. */
export interface AccountReply {
  readonly code: number;
  /** Detail of the enhanced code, such as `5.4` for 5.5.4 or 4.5.4. */
  readonly detail: string;
  readonly becomes: { readonly code: number; readonly detail: string };
  /** Why, for the docs: the provider's words. */
  readonly meaning: string;
}

/** The words of sasl-xoauth2-tool's --cloud. */
export const clouds = ['public', 'usgov', 'usgov-dod', 'china'] as const;
export type Cloud = (typeof clouds)[number];

/** How a sign-in ends by itself, as far as the provider says. */
export interface SignInLife {
  /** When its refresh token was not used for so many days; each refresh is a use. */
  readonly idleDays?: number | undefined;
  /** So many days after it was made, however much it is used, in a set-up that is meant for trying things out. */
  readonly trial?: SignInTrial | undefined;
}

export interface SignInTrial {
  readonly days: number;
  /** A clause: `the consent screen is in "Testing"`. */
  readonly cause: string;
  /** What ends the trial, as an instruction. */
  readonly remedy: string;
}

export interface Endpoints {
  readonly authorizationEndpoint: string;
  readonly deviceAuthorizationEndpoint: string;
  readonly tokenEndpoint: string;
}

export interface Provider {
  /** The word used in configuration: `gmail`. */
  readonly name: string;
  /** The name people use: `Gmail and Google Workspace`. */
  readonly title: string;
  /** Of OpenID Connect: who says where the endpoints are, as far as they are not named here. */
  readonly issuer?: string | undefined;
  /** Nothing is known without one. */
  readonly needsIssuer?: boolean | undefined;
  readonly authorizationEndpoint?: string | undefined;
  readonly deviceAuthorizationEndpoint?: string | undefined;
  readonly tokenEndpoint?: string | undefined;
  /** RFC 7009; undefined where the provider has none. */
  readonly revocationEndpoint?: string | undefined;
  /** Says who signed in (OpenID Connect Core, 5.3), where tokens for mail are good for that. */
  readonly userinfoEndpoint?: string | undefined;
  /** Where a person ends a sign-in, when a program cannot. */
  readonly revokeByHand?: string | undefined;
  /** Token endpoints that mean this provider, beside `tokenEndpoint`; matched on origin and path. */
  readonly recognisedBy?: (endpoint: URL) => boolean;
  /** Where tenants share the service: the endpoints of one, an id, a domain, or a word of the provider's. */
  readonly endpointsOfTenant?: (tenant: string) => Endpoints;
  /** The tenant that an endpoint of this provider's names. */
  readonly tenantOf?: (endpoint: URL) => string | undefined;
  /** Where the provider has separate clouds: the name of the provider in each, by the words of --cloud. */
  readonly inCloud?: Readonly<Partial<Record<Cloud, string>>> | undefined;
  /** A shared mailbox has no sign-in of its own: its delegate's token is taken for the delegate's login name. */
  readonly signsInAsDelegate?: boolean | undefined;
  /** What a redirect to this machine must name: an address, or the name that registrations have. */
  readonly loopbackRedirectHost: '127.0.0.1' | 'localhost';
  /** A page of the provider's that shows the answer, for whoever can't be redirected to this machine. */
  readonly pasteRedirectUri?: string | undefined;
  /** Asked for at consent. */
  readonly scope?: string | undefined;
  /** Asked for beside `scope` at consent, and never later, so that the answer says who signed in. */
  readonly identityScope?: string | undefined;
  /** Sent with each refresh, where the provider wants one (AADSTS900144). */
  readonly refreshScope?: string | undefined;
  /** Asked for by an application that signs in as itself (RFC 6749, 4.4). */
  readonly applicationScope?: string | undefined;
  /** Why an application cannot sign in at this endpoint of the provider's, or undefined when it can. */
  readonly unfitForApplications?: (tokenEndpoint: URL) => string | undefined;
  /** Added to the authorization URL. */
  readonly authorizationParameters: Readonly<Record<string, string>>;
  readonly smtp?: SmtpHost | undefined;
  /**
   * What that server is known to offer after sign-in, before it was asked; without numbers, which change. Not DSN:
   * mail that relied on it and met a server without it would bounce.
   */
  readonly smtpExtensions?: readonly string[] | undefined;
  /** Overrides the choice of SASL mechanism; by default XOAUTH2 wins when a server offers both. */
  readonly mechanism?: MechanismName | undefined;
  /** Refresh when this much life is left, unless configured. Seconds. */
  readonly refreshWindowSeconds: number;
  /** A configured window is raised to this: well above the 10 s at which sasl-xoauth2 would refresh too. */
  readonly minimumRefreshWindowSeconds: number;
  /** The SMTP server refuses a token with less life left than this. Seconds. */
  readonly minimumLifetimeSeconds: number;
  /** Whether the device flow may be asked for the mail scope. */
  readonly deviceFlowAllowsMail: boolean;
  readonly signInLife: SignInLife;
  readonly accountReplies: readonly AccountReply[];
  /** Details of refusals at AUTH that no other token mends, such as `7.139`. */
  readonly refusalsBeyondTokens: readonly string[];
  readonly pace: Pace;
}

/** A provider that nothing is known of: one's own, described in the configuration. */
export const unknownProvider: Provider = {
  name: 'other',
  title: 'Other',
  authorizationParameters: {},
  loopbackRedirectHost: '127.0.0.1',
  refreshWindowSeconds: 600,
  minimumRefreshWindowSeconds: 60,
  minimumLifetimeSeconds: 0,
  deviceFlowAllowsMail: true,
  signInLife: {},
  accountReplies: [],
  refusalsBeyondTokens: [],
  // As many sessions as Postfix opens to one next hop by default (default_destination_concurrency_limit).
  pace: { sessions: 20, messagesPerMinute: undefined, loginsPerMinute: undefined },
};
