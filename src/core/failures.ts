/**
 * Every way to fail, in one table: what mends it, which exit status a command ends with, which SMTP reply the
 * relay gives, a sentence that may be shown to a peer, and what to do. The command line, the relay, the logs and
 * docs/errors.md all read this table; no other file decides on an exit status or on a reply code for a failure of ours.
 */

/** What mends a failure: waiting, a new sign-in, a change by the administrator, or a report to us. */
export type Remedy = 'retry' | 'reauthorize' | 'fix-config' | 'report-bug';

/** Exit statuses, as sysexits.h names them; scripts and systemd units may rely on them. */
export const exitStatus = {
  ok: 0,
  failed: 1,
  usage: 64,
  unavailable: 69,
  software: 70,
  cantCreate: 73,
  tempFail: 75,
  noPermission: 77,
  config: 78,
} as const;

export interface Failure {
  readonly remedy: Remedy;
  readonly exitStatus: number;
  /** Reply code and the detail of its enhanced code; the class digit is derived from the code (RFC 3463, 2). */
  readonly reply: { readonly code: number; readonly detail: string };
  /** One clause, safe to show to a peer: no path, no other account, no words of the provider. */
  readonly summary: string;
  /** What to do in general, in Markdown; the hint of a single failure says more. */
  readonly advice: string;
}

function failure(
  remedy: Remedy,
  exit: number,
  [code, detail]: readonly [code: number, detail: string],
  summary: string,
  advice: string,
): Failure {
  return { remedy, exitStatus: exit, reply: { code, detail }, summary, advice };
}

const { cantCreate, config, noPermission, software, tempFail, unavailable, usage } = exitStatus;

/** RFC 3463: 3.5 is a system incorrectly configured, 7.0 a matter of security that has no number of its own. */
const misconfigured = [451, '3.5'] as const;
const ofAccount = [454, '7.0'] as const;

export const failures = {
  usage: failure(
    'fix-config',
    usage,
    misconfigured,
    'the command was called wrongly',
    "See the command's `--help`.",
  ),

  'config-unreadable': failure(
    'fix-config',
    config,
    misconfigured,
    'the configuration cannot be read',
    'Look at path and rights; see [which file is read](config.md#which-file-is-read).',
  ),
  'config-invalid': failure(
    'fix-config',
    config,
    misconfigured,
    'the configuration is wrong',
    'Run `mailbearer test-config`; the message names each key. Two token files of one account, one in the chroot perhaps, are this too: keep one.',
  ),
  'account-unknown': failure(
    'fix-config',
    config,
    [450, '7.1'],
    'no account is configured for the sender',
    'Add the sender to `senders` of an account, or set `default_account`. On the command line: `mailbearer status` lists the accounts.',
  ),
  'account-incomplete': failure(
    'fix-config',
    config,
    ofAccount,
    'the account lacks a setting',
    'Add the key that the message names: `client_id`, `user`, `smtp` and so on.',
  ),
  'no-accounts': failure(
    'fix-config',
    config,
    misconfigured,
    'no account is usable',
    'Run `mailbearer test-config`: it says for each why.',
  ),

  'token-missing': failure(
    'reauthorize',
    noPermission,
    ofAccount,
    'the token file is missing',
    'Put it back, or sign in: `mailbearer get-token`.',
  ),
  'token-unreadable': failure(
    'fix-config',
    noPermission,
    ofAccount,
    'the token file cannot be read',
    'Run `serve` as the owner of the file, or `chown` it as the hint says.',
  ),
  'token-invalid': failure(
    'reauthorize',
    config,
    ofAccount,
    'the token file is damaged',
    'Sign in again: `mailbearer get-token` with `--overwrite-existing-token`.',
  ),
  'token-unwritable': failure(
    'fix-config',
    cantCreate,
    ofAccount,
    'a new token could not be written',
    'Make room, or mend owner and rights as the hint says. Nothing was asked of the provider, so nothing is lost.',
  ),
  'token-exists': failure(
    'fix-config',
    cantCreate,
    ofAccount,
    'the token file exists already',
    'Add `--overwrite-existing-token`, or name another file.',
  ),
  'keyring-unavailable': failure(
    'fix-config',
    unavailable,
    ofAccount,
    'the keyring cannot be used',
    'Unlock it, or install one; on a server, keep secrets in files. See [where secrets live](secrets.md#the-keyring).',
  ),
  'store-unavailable': failure(
    'retry',
    unavailable,
    ofAccount,
    'the database of the accounts cannot be used now',
    'See that PostgreSQL runs and can be reached. `serve` starts without it and waits; tokens that are known are used until they expire. See [the database](postgresql.md#when-the-database-is-away).',
  ),
  'store-refused': failure(
    'fix-config',
    noPermission,
    ofAccount,
    'the database of the accounts lets nobody in now',
    'Correct role, password or database, here or in the server (`pg_hba.conf`), as the hint says. `serve` does not start so; one that runs asks again and again. See [the database](postgresql.md#when-the-database-is-away).',
  ),
  'store-mismatch': failure(
    'fix-config',
    config,
    ofAccount,
    'the database of the accounts is not set up for this version',
    'Run `mailbearer store init`, or a newer mailbearer, as the message says.',
  ),
  'token-locked': failure(
    'retry',
    tempFail,
    ofAccount,
    'the token is being refreshed elsewhere',
    'Wait a minute. If it stays, look for the process that the message names.',
  ),

  'refresh-transient': failure(
    'retry',
    tempFail,
    ofAccount,
    'the token endpoint gives no token now',
    'Usually nothing: it is tried again. Else check DNS, `proxy`, and the clock (`timedatectl`); `mailbearer doctor` looks at each.',
  ),
  'grant-dead': failure(
    'reauthorize',
    noPermission,
    ofAccount,
    'the sign-in has ended and must be repeated',
    'Sign in again with the command in the hint: `mailbearer get-token PROVIDER FILE --overwrite-existing-token`.',
  ),
  'client-rejected': failure(
    'fix-config',
    config,
    ofAccount,
    'the token endpoint refuses the client settings',
    'Correct `client_id`, `client_secret`, `scope` or `token_endpoint`; the hint says which. Then run `mailbearer refresh ACCOUNT`.',
  ),
  'login-denied': failure(
    'reauthorize',
    noPermission,
    ofAccount,
    'the sign-in was not completed',
    'Run `get-token` again, and agree.',
  ),

  'passwords-unusable': failure(
    'fix-config',
    config,
    ofAccount,
    'passwords cannot be checked',
    'Mend the passwords file, or its rights, as the message says. Nobody is refused for it: clients come again.',
  ),
  'passwords-unwritable': failure(
    'fix-config',
    cantCreate,
    misconfigured,
    'the passwords file cannot be written',
    'Run `mailbearer passwd` as its owner, and make room. The file is as it was.',
  ),
  'auth-limited': failure(
    'retry',
    tempFail,
    ofAccount,
    'too many failed sign-ins',
    'Wait half a minute. Who signed in before is not concerned. See [guesses](submission-auth.md#guesses).',
  ),

  'account-busy': failure(
    'retry',
    tempFail,
    [450, '3.2'],
    'the account has as much mail under way as it may',
    'Nothing: the client tries again.',
  ),

  'upstream-unreachable': failure(
    'retry',
    unavailable,
    [451, '4.1'],
    'the upstream server cannot be reached',
    'Check `smtp`, and whether a firewall lets port 587 out.',
  ),
  'upstream-timeout': failure(
    'retry',
    tempFail,
    [451, '4.2'],
    'the upstream server did not answer in time',
    'Wait. If it stays, check `smtp`, and whether a firewall lets port 587 out.',
  ),
  'upstream-lost': failure(
    'retry',
    tempFail,
    [451, '4.2'],
    'the upstream server closed the connection',
    'Wait: the client sends the message again. If its end had been sent before, it can arrive twice.',
  ),
  'upstream-tls': failure(
    'fix-config',
    unavailable,
    [451, '4.0'],
    'no verified TLS connection to the upstream server',
    'Check `smtp.host` against the certificate; a private authority needs `ca_bundle_file`.',
  ),
  'upstream-protocol': failure(
    'retry',
    unavailable,
    [451, '4.0'],
    'the upstream server broke the protocol',
    'Check that `smtp` names a submission server. If it does, report it with a log at level `trace`.',
  ),
  'upstream-refused': failure(
    'retry',
    tempFail,
    [451, '4.0'],
    'the upstream server takes no mail now',
    'The reply repeats [its words](#what-smtp-servers-say); usually a limit that passes.',
  ),
  'upstream-mechanism': failure(
    'fix-config',
    config,
    ofAccount,
    'the upstream server offers no OAuth mechanism',
    'Check host, port and `mechanism`; the port is usually 587.',
  ),
  'upstream-auth': failure(
    'retry',
    noPermission,
    ofAccount,
    'the upstream server refused the access token',
    'Run `mailbearer doctor ACCOUNT`: it shows [what the server says](#what-smtp-servers-say), and what the token allows.',
  ),

  'auth-unavailable': failure(
    'retry',
    tempFail,
    ofAccount,
    'the sign-in cannot be checked now',
    'The log names the option of `auth` that could not be used: see that the identity provider answers. Nobody is refused meanwhile, the client tries again.',
  ),
  'listen-failed': failure(
    'fix-config',
    unavailable,
    [451, '3.0'],
    'a port cannot be opened',
    'Stop the other program on the port, or change `relay.listen`, `status.listen` or `socketmap.listen`.',
  ),
  'daemon-unreachable': failure(
    'fix-config',
    unavailable,
    [451, '3.0'],
    'no running serve answers',
    'Start `serve` with the same configuration and the same `state_dir`, and run the command as root or as its user.',
  ),
  internal: failure(
    'report-bug',
    software,
    [451, '3.0'],
    'internal error',
    'Report it, with what is said when `MAILBEARER_DEBUG=1` is set.',
  ),
} as const satisfies Record<string, Failure>;

export type FailureCode = keyof typeof failures;

/** Where docs/ says more of a failure: its heading in errors.md is its code. */
export function documentationOf(code: FailureCode): string {
  return `docs/errors.md#${code}`;
}
