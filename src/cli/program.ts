/**
 * The commands, their arguments and options; the only file that knows commander. Each action imports its command
 * when it runs, so that `--version` and `--help` load neither the schema library nor the OAuth client.
 */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { exitStatus } from '../core/errors.js';
import type { LogLevel } from '../core/logger.js';
import { completionFor, type Shell, shells } from './completion/completion.js';
import { packageVersion } from '../daemon/version.js';
import { clouds, presets } from '../providers/index.js';
import { unattendedGrants } from './grant-flags.js';
import type { GetTokenOptions } from './commands/get-token.js';
import type { PasswdOptions } from './commands/passwd.js';
import type { StatusOptions } from './commands/status.js';
import type { StoreOptions } from './commands/store.js';
import type { TestSendOptions } from './commands/test-send.js';
import { commandHelp, mainHelp } from './help.js';
import { stateWords } from './status-selection.js';
import type { Ui } from './ui.js';

const passwdActions: readonly PasswdOptions['action'][] = ['add', 'list', 'remove'];
const storeActions: readonly StoreOptions['action'][] = ['init', 'rekey', 'import', 'export'];
const logLevels: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];

/** Options of the program itself; commander takes them before and after the command. */
interface GlobalOptions {
  readonly configFile?: string;
}

/** Resolves to the exit status, 64 for wrong usage; throws what the command throws. */
export async function runProgram(argv: readonly string[], ui: Ui): Promise<number> {
  let status: number = exitStatus.ok;
  let answer = '';
  const program = createProgram(
    ui,
    (text) => (answer += text),
    (of) => (status = of),
  );
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander has said what is wrong, unless it was asked for help or for the version.
    status = error.exitCode === 0 ? exitStatus.ok : exitStatus.usage;
  }
  if (answer !== '') await ui.data(answer.trimEnd());
  return status;
}

/**
 * The program with its commands, to be run or to be described. `write` takes help and version, `finish` the exit status
 * of the command that ran.
 */
export function createProgram(
  ui: Ui,
  write: (text: string) => void,
  finish: (status: number) => void,
): Command {
  const complain = (hint: string) => (text: string) => ui.fail(text.trimEnd().replace(/^error: /, ''), hint);
  const program = new Command('mailbearer')
    .description('Keeps OAuth 2.0 tokens fresh beside Postfix, and submits mail with them.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .option('--config-file <file>', 'read the configuration from this file')
    .addHelpText('after', mainHelp)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: write,
      writeErr: (text) => ui.say(text.trimEnd()),
      outputError: complain('mailbearer --help lists the commands'),
    })
    .exitOverride();
  const globals = () => program.opts<GlobalOptions>();
  const subcommand = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .addHelpText('after', commandHelp[name] ?? '')
      .configureOutput({ outputError: complain(`mailbearer ${name} --help lists the options`) });

  subcommand('get-token', 'sign in and write a token file')
    .argument('<provider>', `${[...presets.keys()].join(', ')}, or a provider of your own`)
    .argument('[file]', 'token file, or account of a database; - or none: standard output')
    .option('--client-id <id>', 'OAuth client ID')
    .option('--client-secret <secret>', 'OAuth client secret; other users can see it in the process list')
    .addOption(
      new Option('--client-secret-file <file>', 'read the client secret from this file').conflicts(
        'clientSecret',
      ),
    )
    .option('--scope <scope>', "scope to ask for, instead of the provider's")
    .option('--issuer <url>', 'issuer of an OpenID provider, which says where its endpoints are (for oidc)')
    .option('--smtp <server>', "submission server, host or host:port, instead of the provider's")
    .addOption(
      new Option('--grant <grant>', 'get tokens without a sign-in, in this way').choices(unattendedGrants),
    )
    .option('--certificate-file <file>', "PEM certificate of the application, in the secret's place")
    .option('--key-file <file>', 'PEM key that belongs to it')
    .option('--key-passphrase-file <file>', 'read the passphrase of the key from this file')
    .option('--service-account-file <file>', 'JSON key that Google hands out for a service account')
    .option('--token-command <command>', 'program that prints a token, as a line for the shell')
    .option(
      '--tenant <tenant>',
      'Microsoft tenant: an ID, a domain, common, organizations, consumers (default: by provider)',
    )
    .addOption(new Option('--cloud <cloud>', "Microsoft's cloud (default: public)").choices(clouds))
    .option('--login-base <url>', "Microsoft's sign-in service, in place of the cloud's")
    .option('--use-native-client', "have Microsoft's own page show the answer, to be pasted here")
    .option(
      '--user <user>',
      'login name at the SMTP server, when the file is not named after it; shared:NAME: somebody else signs in',
    )
    .option('--use-device-flow', 'show a code to be entered on another device')
    .option('--no-verify', 'do not ask the SMTP server whether it takes the token')
    .option('--overwrite-existing-token', 'replace the tokens in FILE, keep what else it says')
    .addOption(
      new Option(
        '--local-listen-port <port>',
        "port for the browser's return; 0: any free one (default: 54332, or any when that is taken)",
      ).argParser(parsePort),
    )
    .action(
      async (provider: string, file: string | undefined, options: Omit<GetTokenOptions, 'provider'>) => {
        const { runGetToken } = await import('./commands/get-token.js');
        finish(await runGetToken({ ...globals(), ...options, provider, file }, ui));
      },
    );

  subcommand('test-config', 'check the configuration and the accounts')
    .option('--json', 'print the result as JSON')
    .action(async (options: { json?: true }) => {
      const { runTestConfig } = await import('./commands/test-config.js');
      finish(await runTestConfig({ ...globals(), ...options }, ui));
    });

  subcommand('test-token-refresh', 'refresh a token once, and write it back')
    .argument('<file>', 'token file, or account of a database')
    .option('--json', 'print the result as JSON')
    .action(async (file: string, options: { json?: true }) => {
      const { runTestTokenRefresh } = await import('./commands/test-token-refresh.js');
      finish(await runTestTokenRefresh({ ...globals(), ...options, file }, ui));
    });

  subcommand('token', 'print an access token, refreshed if need be')
    .argument('<account>', 'name or address of the account, or its token file')
    .addOption(
      new Option('--sasl <mechanism>', 'print the initial response of this mechanism instead').choices([
        'xoauth2',
        'oauthbearer',
      ]),
    )
    .action(async (account: string, options: { sasl?: 'xoauth2' | 'oauthbearer' }) => {
      const { runToken } = await import('./commands/token.js');
      finish(await runToken({ ...globals(), ...options, account }, ui));
    });

  subcommand('status', 'show how the accounts stand')
    .argument('[accounts...]', 'names, addresses or token files; none: all')
    .addOption(
      new Option('--state <states>', 'show those in these states only, with commas between')
        .choices(stateWords)
        .argParser(collect),
    )
    .option('--provider <providers>', 'show those of these providers only, with commas between', collect)
    .option('--match <text>', 'show those only whose name contains this')
    .option('--limit <number>', 'show so many at once (default: 100, with --json all)')
    .option('--page <number>', 'show the next so many, and so on')
    .addOption(new Option('--all', 'show all at once').conflicts(['limit', 'page']))
    .option('--json', 'print it as JSON')
    .option('--watch', 'go on showing it, until interrupted')
    .action(async (accounts: string[], options: Omit<StatusOptions, 'accounts'>) => {
      const { runStatus } = await import('./commands/status.js');
      finish(await runStatus({ ...globals(), ...options, accounts }, ui));
    });

  subcommand('refresh', 'refresh tokens now, and write them')
    .argument('[accounts...]', 'names, addresses or token files; none: all')
    .option('--json', 'print the results as JSON')
    .action(async (accounts: string[], options: { json?: true }) => {
      const { runRefresh } = await import('./commands/refresh.js');
      finish(await runRefresh({ ...globals(), ...options, accounts }, ui));
    });

  subcommand('revoke', 'end a sign-in at the provider, and remove its file')
    .argument('<account>', 'name or address of the account, or its token file')
    .option('--yes', 'do not ask')
    .action(async (account: string, options: { yes?: true }) => {
      const { runRevoke } = await import('./commands/revoke.js');
      finish(await runRevoke({ ...globals(), ...options, account }, ui));
    });

  subcommand('doctor', 'look at everything, and say what mends what is wrong')
    .argument('[accounts...]', 'names, addresses or token files; none: all')
    .option('--fix', 'take the rights of others from files with secrets')
    .option('--json', 'print the findings as JSON')
    .action(async (accounts: string[], options: { fix?: true; json?: true }) => {
      const { runDoctor } = await import('./commands/doctor.js');
      finish(await runDoctor({ ...globals(), ...options, accounts }, ui));
    });

  subcommand('test-send', 'send a real message, and show the dialogue')
    .requiredOption('--from <address>', 'sender')
    .requiredOption('--to <address...>', 'recipients')
    .option('--subject <subject>', 'subject')
    .option('--direct', "straight to the provider as the sender's account, not through the relay")
    .option('--json', 'print the outcome as JSON')
    .action(async (options: TestSendOptions) => {
      const { runTestSend } = await import('./commands/test-send.js');
      finish(await runTestSend({ ...globals(), ...options }, ui));
    });

  subcommand('passwd', 'add, list or remove passwords of clients of the relay')
    .addArgument(new Argument('<action>', 'what to do').choices(passwdActions))
    .argument('[user]', 'login name, such as the address of the mailbox')
    .argument('[name]', 'what tells this password from others of the user')
    .option('--file <file>', "passwords file, in place of the configuration's")
    .option('--sender <address...>', 'address or @domain that it may send for (default: the user)')
    .option('--account <name...>', 'account that it may use')
    .option('--any-sender', 'it may send for everyone')
    .option('--generate', 'make a password, and print it')
    .option('--json', 'print the list as JSON')
    .action(
      async (
        action: PasswdOptions['action'],
        user: string | undefined,
        name: string | undefined,
        options: Omit<PasswdOptions, 'action' | 'user' | 'name'>,
      ) => {
        const { runPasswd } = await import('./commands/passwd.js');
        finish(await runPasswd({ ...globals(), ...options, action, user, name }, ui));
      },
    );

  subcommand('store', 'set up the database of accounts, and bring accounts in and out')
    .addArgument(new Argument('<action>', 'what to do').choices(storeActions))
    .argument(
      '[words...]',
      'import: token files or directories; export: a directory, then accounts (none: all)',
    )
    .option('--print', 'init: print the SQL instead, for the owner of the database')
    .option('--overwrite', 'import, export: replace what is there')
    .option('--keyring', 'import, export: the secrets of the files are in the keyring')
    .action(
      async (
        action: StoreOptions['action'],
        words: string[],
        options: Omit<StoreOptions, 'action' | 'words'>,
      ) => {
        const { runStore } = await import('./commands/store.js');
        finish(await runStore({ ...globals(), ...options, action, words }, ui));
      },
    );

  subcommand('serve', 'keep the tokens fresh and relay mail')
    .addOption(new Option('--log-level <level>', 'how much to log').choices(logLevels))
    .addOption(
      new Option('--log-format <format>', 'how to log; auto: human on a terminal, JSON otherwise')
        .choices(['auto', 'human', 'json'])
        .default('auto'),
    )
    .action(async (options: { logLevel?: LogLevel; logFormat: 'auto' | 'human' | 'json' }) => {
      const { runServe } = await import('./commands/serve.js');
      finish(await runServe({ ...globals(), ...options }));
    });

  subcommand('dashboard', 'print a URL that opens the status page').action(async () => {
    const { runDashboard } = await import('./commands/dashboard.js');
    finish(await runDashboard(globals(), ui));
  });

  subcommand('completion', 'print the completion of a shell')
    .addArgument(new Argument('<shell>', 'which').choices(shells))
    .action(async (shell: Shell) => {
      await ui.data(completionFor(shell, program).trimEnd());
      finish(exitStatus.ok);
    });

  return program;
}

/** The words of an option that may come more than once. */
function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535)
    throw new InvalidArgumentError('Expected a port from 0 to 65535.');
  return port;
}
