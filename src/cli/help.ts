/**
 * The prose of `--help` and of the manual page mailbearer(1): examples, exit statuses, environment. Plain text: blocks
 * with an empty line between; a block that begins with a title and a colon is a list.
 */
import { exitStatus } from '../core/errors.js';
import { presets } from '../providers/index.js';

const statusMeanings: Readonly<Record<keyof typeof exitStatus, string>> = {
  ok: 'success',
  failed:
    'a check failed, a message was refused, an account needs attention, or nobody agreed (get-token, test-config, test-token-refresh, test-send, status, doctor, revoke)',
  usage: 'wrong usage',
  unavailable: 'a server cannot be reached, or an address cannot be listened on',
  software: 'internal error: please report it',
  cantCreate: 'a token file exists already or cannot be written',
  tempFail: 'a passing trouble: try again later',
  noPermission: 'the sign-in failed or has ended, or a token file is missing or cannot be read',
  config: 'the configuration or a token file is wrong',
};

const statusLines = Object.entries(statusMeanings).map(
  ([name, meaning]) => `  ${String(exitStatus[name as keyof typeof exitStatus]).padEnd(4)} ${meaning}`,
);

export const mainHelp = `
Examples:
  $ mailbearer get-token gmail /etc/tokens/me@gmail.com
  $ mailbearer get-token outlook /etc/tokens/me@outlook.com --use-device-flow
  $ mailbearer test-config
  $ mailbearer test-token-refresh /etc/tokens/me@gmail.com
  $ mailbearer serve
  $ mailbearer status

Configuration: --config-file, else $MAILBEARER_CONFIG, else /etc/mailbearer/config.json, else
~/.config/mailbearer/config.json, else /etc/sasl-xoauth2.conf; none is needed when the token files say enough.

Environment:
  MAILBEARER_CONFIG          configuration file
  MAILBEARER_SETTINGS        settings as JSON, which win over those of the file
  MAILBEARER_CLIENT_SECRET   client secret for get-token
  MAILBEARER_KEY_PASSPHRASE  passphrase of the key of --key-file, for get-token
  MAILBEARER_DEBUG           show the stack of an internal error
  NO_COLOR                   no colour

Exit status:
${statusLines.join('\n')}
  130  interrupted
`;

const getTokenHelp = `
PROVIDER is an entry of "providers" in the configuration, or one of
${[...presets.keys()].join(', ')}.
For Microsoft 365 it is microsoft365, best with --tenant.
FILE is where the token goes; - or none writes it to standard output.
Then the SMTP server is asked whether it takes the token: no mail is sent. When it refuses, the file stays,
and the exit status is 1.

PROVIDER oidc is any OpenID provider (Authentik, Keycloak, Dex, Zitadel): --issuer says which, --smtp where its mail
goes. With --grant, or an account whose "grant" in the configuration says so, nobody signs in. What a token file
cannot hold is printed on standard output, as JSON for the configuration.

Somebody else than FILE or --user says is refused. --user shared:NAME, or delegated:NAME, says that NAME is a mailbox
that another one signs in for. At Microsoft such a mailbox belongs in "senders" of the one who signs in.

Where the accounts are in a database, a name without a slash is the account there, and no file.

The client secret is read without echo when someone is there to type it. Otherwise give it with
--client-secret-file or $MAILBEARER_CLIENT_SECRET, or in the configuration.

Examples:
  $ mailbearer get-token gmail /etc/tokens/me@gmail.com --client-id 1234.apps.googleusercontent.com
  $ mailbearer get-token outlook /etc/tokens/me@outlook.com --use-device-flow
  $ mailbearer get-token microsoft365 /etc/tokens/me@corp.example --use-device-flow --tenant corp.example
  $ mailbearer get-token microsoft365 /etc/tokens/me@corp.example --cloud china --tenant corp.example
  $ mailbearer get-token gmail /etc/tokens/me@gmail.com --overwrite-existing-token
  $ mailbearer get-token oidc /etc/tokens/me@corp.example --issuer https://login.corp.example/realms/mail \\
      --smtp mail.corp.example --client-id mail
  $ mailbearer get-token microsoft365 /etc/tokens/app@corp.example --tenant corp.example --client-id ID \\
      --certificate-file /etc/mailbearer/app.pem --key-file /etc/mailbearer/app.key
  $ mailbearer get-token gmail /etc/tokens/me@corp.example --service-account-file /etc/mailbearer/key.json
`;

const testConfigHelp = `
Prints "Config check passed." and exits with 0, or the reason and "Config check failed." and exits with 1.
A token file that is missing or damaged is only a warning: the configuration is not to blame.

Examples:
  $ mailbearer test-config
  $ mailbearer test-config --config-file ./config.json --json
`;

const testTokenRefreshHelp = `
Really refreshes the token and writes the new one back, under the same lock as serve.
Prints "Config check passed." and "Token refresh succeeded." and exits with 0, or the cause and
"Token refresh failed." and exits with 1.

Examples:
  $ mailbearer test-token-refresh /etc/tokens/me@gmail.com
  $ mailbearer test-token-refresh me@gmail.com    # of a database
  $ mailbearer test-token-refresh --config-file ./config.json --json /etc/tokens/me@gmail.com
`;

const tokenHelp = `
ACCOUNT is the account's name, its file's name, its login name, one of its senders, or the token file.
Standard output holds the token and nothing else. It is refreshed first when that is due, and written back.
When refreshing fails and the old token still lives, that one is printed, with a warning.

Examples:
  $ mailbearer token me@gmail.com
  $ mailbearer token --sasl xoauth2 me@gmail.com
  $ curl --user me@gmail.com --oauth2-bearer "$(mailbearer token me@gmail.com)" imaps://imap.gmail.com/
`;

const statusHelp = `
Reads the configuration and the token files, and asks no server. An account is fresh, due (to be refreshed
now, which a running serve does by itself), expired, or broken. Exits with 1 when one is expired or needs
a person, whose next command it names. Of more than 100 accounts it says how many there are of each kind, and
shows the worst of them; --page shows the others. needs-attention is whatever has a problem, needs-sign-in what a
person must sign in again. --json has all, unless --limit or --page is given, and says of how many.

Examples:
  $ mailbearer status
  $ mailbearer status --state needs-sign-in
  $ mailbearer status --provider microsoft365,outlook --match @corp.example --page 2
  $ mailbearer status --json me@gmail.com
  $ mailbearer status --watch
`;

const refreshHelp = `
Refreshes whatever life the tokens have left, under the same lock as serve, and writes the new ones back.
A token that another process refreshes at the same time is taken as it is.
Exits with 0 when all were refreshed, else with the worst status: 75 only when waiting may mend all that failed.

Examples:
  $ mailbearer refresh
  $ mailbearer refresh me@gmail.com --json
`;

const revokeHelp = `
Asks the provider to end the sign-in (RFC 7009), so that neither this file nor a copy of it is worth anything,
and then removes the file. Microsoft has no such request: the answer says where to end it by hand.

Examples:
  $ mailbearer revoke me@gmail.com
  $ mailbearer revoke /etc/tokens/me@gmail.com --yes
`;

const doctorHelp = `
Looks, in this order, at the configuration, the modes of files with secrets, and for each account at the clock,
DNS, TLS, proxy, token endpoint, what the token says of itself, a refresh, EHLO and AUTH at its SMTP server; then
at the relay and at Postfix (next hops, TLS, chroot of the plugin). It refreshes tokens and sends no mail.
Each line is ✓, ✗ with what mends it, or – with the reason why it was not looked at. What is wrong hides only what
rests on it. Exits with 1 when a line is ✗.

Examples:
  $ sudo -u postfix mailbearer doctor
  $ mailbearer doctor me@gmail.com --json
`;

const testSendHelp = `
Composes a message and sends it through the relay, as Postfix would; with --direct straight to the provider,
which tells a fault of the relay from one of the account. The dialogue is shown, tokens are not.
Exits with 0 when everyone got it, 1 when something was refused, 75 when it was deferred, 69 without a server.

Examples:
  $ mailbearer test-send --from me@gmail.com --to you@example.org
  $ mailbearer test-send --from me@gmail.com --to you@example.org --direct
`;

const passwdHelp = `
The passwords with which clients sign in to a port of the relay that has a passwords_file; see
docs/submission-auth.md. A password is typed, or read from standard input, or made by --generate; the file
holds hashes. A running serve knows of a change at once. One that is an address may send for itself, unless
--sender, --account or --any-sender says otherwise.

Examples:
  $ mailbearer passwd add scan@corp.example hall-printer --generate
  $ mailbearer passwd add app backup --sender backup@corp.example --sender @apps.corp.example < secret
  $ mailbearer passwd list
  $ mailbearer passwd remove scan@corp.example hall-printer
`;

const storeHelp = `
The database is the one of "token_store": "postgres://…"; see docs/postgresql.md.
init makes its tables, or brings them up to date; --print prints what it would run, to be run by the owner of the
database where the role of the relays may not. rekey encrypts with the first of the keys what another one has
encrypted. import takes token files in, export writes them, with all of their fields; what refreshes the same
tokens elsewhere must have been stopped before.

Examples:
  $ mailbearer store init
  $ mailbearer store init --print | sudo -u postgres psql mailbearer
  $ mailbearer store import /etc/tokens
  $ mailbearer store export /root/tokens me@gmail.com
  $ mailbearer store rekey
`;

const dashboardHelp = `
The status page of the serve that runs names mailboxes, so a browser must be let in: with a URL that works once,
within five minutes, printed for whoever can read the key of serve (root and its own user). The configuration opens
the page: "status": { "listen": "127.0.0.1:8025" }. On it, accounts are signed in again, too.

Examples:
  $ sudo mailbearer dashboard
`;

const completionHelp = `
Examples:
  $ mailbearer completion bash | sudo tee /usr/share/bash-completion/completions/mailbearer
  $ mailbearer completion zsh > ~/.zfunc/_mailbearer
  $ mailbearer completion fish > ~/.config/fish/completions/mailbearer.fish
`;

const serveHelp = `
Runs until SIGTERM or SIGINT, then finishes the messages in flight and exits with 0. Reads its configuration again
when the file changes, and at SIGHUP; one that is no good is refused, and the log says why.

Examples:
  $ mailbearer serve
  $ mailbearer serve --config-file ./config.json --log-level debug
`;

/** By the name of the command; the manual page is made of them, too. */
export const commandHelp: Readonly<Record<string, string>> = {
  'get-token': getTokenHelp,
  'test-config': testConfigHelp,
  'test-token-refresh': testTokenRefreshHelp,
  token: tokenHelp,
  status: statusHelp,
  refresh: refreshHelp,
  revoke: revokeHelp,
  doctor: doctorHelp,
  'test-send': testSendHelp,
  passwd: passwdHelp,
  store: storeHelp,
  dashboard: dashboardHelp,
  completion: completionHelp,
  serve: serveHelp,
};
