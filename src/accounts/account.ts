/**
 * An account: one mailbox that mail is submitted as, with every setting resolved. Precedence, field by field:
 * token file, then `accounts`, then `providers`, then the top level of the configuration, then the preset.
 */
import type { ClientSettings, TokenStoreName } from '../config/config.js';
import { AppError } from '../core/errors.js';
import type { Secret } from '../core/secret.js';
import type { MechanismName, Provider, SmtpHost } from '../providers/provider.js';

/** What a token file says beside its tokens; each overrides the configuration, even when empty. */
export interface TokenFileOverrides extends ClientSettings {
  readonly user?: string | undefined;
}

/** What is needed to talk to a token endpoint. */
export interface OAuthClient {
  readonly clientId: string;
  /** Empty: a public client. */
  readonly clientSecret: Secret;
  /** When the secret ends, if somebody said so. Milliseconds since the epoch. */
  readonly secretExpiresAt?: number | undefined;
  readonly tokenEndpoint: URL;
  /** Set where the token endpoint is not known: who is asked for it, and stands in its place above. */
  readonly issuer?: URL | undefined;
  /** Sent with a refresh; undefined sends none. */
  readonly refreshScope: string | undefined;
  readonly proxy: URL | undefined;
  readonly caBundleFile: string | undefined;
  readonly caCertsDir: string | undefined;
}

/** How tokens are got. All but the first need nobody to sign in, and no refresh token. */
export type Grant =
  | { readonly kind: 'refresh-token' }
  /** RFC 6749, 4.4: the application itself; with its secret, or with a certificate. */
  | {
      readonly kind: 'client-credentials';
      readonly scope: string | undefined;
      readonly certificate: CertificateFiles | undefined;
    }
  /** RFC 7523, 2.1: a Google service account speaks for the mailbox `subject`. */
  | {
      readonly kind: 'service-account';
      readonly keyFile: string;
      readonly subject: string;
      readonly scope: string;
      /** The endpoint that the configuration names; otherwise it is the key file's. */
      readonly endpoint: URL | undefined;
    }
  /** Another program has the token: a line for the shell, or program and arguments. */
  | { readonly kind: 'command'; readonly command: string | readonly string[] };

export type UnattendedGrant = Exclude<Grant, { kind: 'refresh-token' }>;

/** Absolute paths of PEM files, read at each request: a renewed certificate counts at once. */
export interface CertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly passphrase: Secret | undefined;
}

export interface Account {
  /** The key in `accounts`, else the login name, else the file's name; unique, shown in replies and logs. */
  readonly name: string;
  /** Absolute path of the token file as configured (it may be a symlink); or the place in a database, as `placeOf` calls it. */
  readonly tokenFile: string;
  readonly provider: Provider;
  readonly client: OAuthClient;
  readonly grant: Grant;
  /** Where refresh token and client secret are kept; the access token is in the file, but for a database, which has all. */
  readonly tokenStore: TokenStoreName | 'postgres';
  /** How to submit mail as it, or what is missing for that: such an account is only kept fresh. */
  readonly submission: Submission | AppError;
  /** Refresh when this much is left; the cap at half of a token's life is the schedule's. Seconds. */
  readonly refreshWindowSeconds: number;
  /** Login name, where one is known; needed to submit mail. */
  readonly user?: string | undefined;
  /** Addresses and `@domains`, lower case, the account's own address among them. */
  readonly senders: readonly string[];
  /** Its dialogue with the server is logged, whatever the level. */
  readonly debug?: boolean | undefined;
}

export interface Submission {
  /** Login name at the SMTP server. */
  readonly user: string;
  readonly smtp: SmtpHost;
  readonly mechanism: MechanismName | undefined;
}

/** An account that mail can be submitted as. */
export type SubmittingAccount = Account & { readonly submission: Submission };

/** With the secret that belongs to what was found; one in the keyring is not known before. */
export function clientOf({ client }: Account, { clientSecret }: TokenFileOverrides): OAuthClient {
  return clientSecret === undefined ? client : { ...client, clientSecret };
}

export function canSubmit(account: Account): account is SubmittingAccount {
  return !(account.submission instanceof AppError);
}

/** An account that is known by name but cannot be used, and why. It still counts and still owns its senders. */
export interface BrokenAccount {
  readonly name: string;
  readonly tokenFile: string;
  readonly senders: readonly string[];
  /** Where its mail would be submitted, if that is known. */
  readonly smtp?: SmtpHost | undefined;
  readonly problem: AppError;
}

export type AnyAccount = Account | BrokenAccount;

export function isBroken(account: AnyAccount): account is BrokenAccount {
  return 'problem' in account;
}

/** Why no mail can be submitted as it; undefined when it can. */
export function problemOf(account: AnyAccount): AppError | undefined {
  if (isBroken(account)) return account.problem;
  return account.submission instanceof AppError ? account.submission : undefined;
}

/** Where its mail is submitted, or would be; undefined where that is not known. */
export function serverOf(account: AnyAccount): SmtpHost | undefined {
  if (isBroken(account)) return account.smtp;
  return canSubmit(account) ? account.submission.smtp : undefined;
}
