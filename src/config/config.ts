/**
 * The configuration as the rest of the program sees it: checked, with units in the names and defaults applied
 * where a default does not depend on an account. schema.ts makes it from JSON; load.ts finds the file.
 */
import type { LogLevel } from '../core/logger.js';
import type { Secret } from '../core/secret.js';
import type { MechanismName, Pace, SmtpHost } from '../providers/provider.js';
import type { RelayLimits } from './limits.js';
import type { ListenerSettings } from './listener.js';
import type { PostgresSettings } from './postgres.js';
import type { SocketmapSettings } from './socketmap.js';
import type { StatusSettings } from './status.js';

/** What the top level, a provider entry, an account and (in part) a token file can all say. */
export interface ClientSettings {
  readonly clientId?: string | undefined;
  /** Empty means a public client: no secret is sent. */
  readonly clientSecret?: Secret | undefined;
  /** When the client secret ends: the first moment of that day, UTC. Milliseconds since the epoch. */
  readonly secretExpiresAt?: number | undefined;
  readonly tokenEndpoint?: string | undefined;
  /** Undefined when absent or "0", which the plugin writes for "unset". Seconds. */
  readonly refreshWindowSeconds?: number | undefined;
  /** http or https URL of a proxy for the token endpoint; "" means none. */
  readonly proxy?: string | undefined;
  /** PEM file; replaces the built-in roots for the token endpoint and for the SMTP server. */
  readonly caBundleFile?: string | undefined;
  /** Directory of PEM files; excludes caBundleFile. */
  readonly caCertsDir?: string | undefined;
}

/** Where what is worth stealing is kept: the token file, or the keyring of the desktop. */
export type TokenStoreName = 'file' | 'keyring';

/** How tokens are got when not by a sign-in; in the configuration only, for the plugin drops what it does not know. */
export interface GrantSettings {
  /** Undefined: by refresh token. */
  readonly grant?: 'refresh_token' | 'client_credentials' | 'service_account' | 'command' | undefined;
  readonly certificateFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly keyPassphrase?: Secret | undefined;
  readonly serviceAccountFile?: string | undefined;
  /** A line for the shell, or program and arguments. */
  readonly tokenCommand?: string | readonly string[] | undefined;
}

export interface ProviderSettings extends ClientSettings {
  readonly grant?: GrantSettings | undefined;
  /** Of an OpenID provider. */
  readonly issuer?: string | undefined;
  readonly tokenStore?: TokenStoreName | undefined;
  readonly authorizationEndpoint?: string | undefined;
  readonly deviceAuthorizationEndpoint?: string | undefined;
  readonly revocationEndpoint?: string | undefined;
  readonly scope?: string | undefined;
  readonly smtp?: Partial<SmtpHost> | undefined;
  readonly mechanism?: MechanismName | undefined;
  /** How much one mailbox may do at the server; what is set replaces the provider's. */
  readonly pace?: Partial<Pace> | undefined;
}

export interface AccountSettings extends ProviderSettings {
  /** Name of a preset or of an entry in `providers`. */
  readonly provider?: string | undefined;
  /** Login name at the SMTP server. */
  readonly user?: string | undefined;
  /** The log tells of it what it otherwise tells at level trace. */
  readonly debug?: boolean | undefined;
  /** Addresses (`a@b`) and domains (`@b`) whose mail this account submits. */
  readonly senders: readonly string[];
  /** Where the token lies, when it is not in `token_dir` under the account's name. */
  readonly tokenFile?: string | undefined;
}

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface Config extends ClientSettings {
  /** The file it came from; undefined when there is none and defaults hold. */
  readonly source: string | undefined;
  /** Whose readers read a secret of the configuration: itself, where one stands in it, and those it refers to. */
  readonly secretFiles: readonly string[];
  /** Undefined: the default directories, whichever exist. */
  readonly tokenDirs: readonly string[] | undefined;
  readonly tokenStore?: TokenStoreName | undefined;
  /** Set: accounts and their tokens are in this database, and no token directory is looked at. */
  readonly postgres?: PostgresSettings | undefined;
  /** In (0, 1]; undefined: 1. */
  readonly share?: number | undefined;
  /** Undefined: where state files lie by default. */
  readonly stateDir?: string | undefined;
  /** Hears of events: a line for the shell, or program and arguments. */
  readonly onEvent?: string | readonly string[] | undefined;
  readonly logLevel: LogLevel;
  readonly providers: ReadonlyMap<string, ProviderSettings>;
  readonly accounts: ReadonlyMap<string, AccountSettings>;
  readonly defaultAccount: string | undefined;
  readonly relay: RelaySettings;
  /** Undefined: the daemon shows nothing over HTTP. */
  readonly status: StatusSettings | undefined;
  /** Undefined: Postfix gets no tokens. */
  readonly socketmap?: SocketmapSettings | undefined;
}

export interface RelaySettings {
  /** Undefined: 127.0.0.1:2525, and [::1]:2525 where there is IPv6. */
  readonly listen: readonly ListenerSettings[] | undefined;
  /** Whether a sender without an account is deferred (450) or refused (550). */
  readonly unknownSender: 'defer' | 'reject';
  /** Whether bare CR or LF only loses its power to end a message, or is refused altogether. */
  readonly bareNewlines: 'defuse' | 'reject';
  readonly limits: RelayLimits;
}
