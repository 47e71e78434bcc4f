/**
 * A private Postfix: its own configuration, queue, ports and log, nothing in /etc/postfix or in syslog. It is
 * Postfix's own master, started directly: `postfix start` would spend seconds checking an installation that is
 * a minute old. Needs root, as Postfix does. What it shall be is said in main.cf lines; the two parts that the
 * tests need are below: a submission server with Dovecot's SASL, and a client with a relayhost.
 */
import { chown, mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Certificate } from './certificates.js';
import { eventually, freePort, run, startProgram } from './process.js';

export interface Postfix {
  /** Takes mail by SMTP on 127.0.0.1. */
  readonly port: number;
  /** The log so far. */
  readonly log: () => Promise<string>;
  /** Waits until `pattern` matches the log from `offset` (characters) on. */
  waitForLog(pattern: RegExp, offset?: number): Promise<RegExpMatchArray>;
  /** What waits in the queue: one entry for each message. */
  queue(): Promise<readonly QueuedMessage[]>;
  stop(): Promise<void>;
}

export interface QueuedMessage {
  readonly queue_name: string;
  readonly queue_id: string;
  readonly sender: string;
  readonly recipients: readonly { readonly address: string; readonly delay_reason?: string }[];
}

/** The directories that must exist before Postfix starts, by mode, as in Debian's /etc/postfix/postfix-files. */
const ownDirectories = 'active bounce corrupt defer deferred flush hold incoming private saved trace';
const postdropDirectories = { maildrop: 0o730, public: 0o710 };

/**
 * Debian's master.cf without its chroots, UUCP and its like; `@PORT@` is the SMTP server's. The queue manager is
 * woken every second instead of every five minutes: a retry within seconds can meet a delivery that is not quite
 * over ("skipped, still being delivered"), and then the message waits for that.
 */
const masterCf = `
127.0.0.1:@PORT@ inet n - n - - smtpd
pickup    unix  n - n 60    1 pickup
cleanup   unix  n - n -     0 cleanup
qmgr      unix  n - n 1     1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n -     - trivial-rewrite
bounce    unix  - - n -     0 bounce
defer     unix  - - n -     0 bounce
trace     unix  - - n -     0 bounce
proxymap  unix  - - n -     - proxymap
smtp      unix  - - n -     - smtp
showq     unix  n - n -     - showq
error     unix  - - n -     - error
retry     unix  - - n -     - error
virtual   unix  - n n -     - virtual
anvil     unix  - - n -     1 anvil
scache    unix  - - n -     1 scache
postlog   unix-dgram n - n - 1 postlogd
`;

/** What makes an instance private, quick and silent, whatever part it plays. */
function instanceLines(directory: string): string {
  return `
compatibility_level = 3.6
queue_directory = ${directory}/queue
data_directory = ${directory}/data
# A file and not /dev/stdout, which is a socket when Node reads it, and cannot be opened then.
maillog_file = ${directory}/maillog
maillog_file_prefixes = ${directory}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
mynetworks = 127.0.0.0/8
# Bytes shall leave as they came: no header is added or rewritten for local clients.
local_header_rewrite_clients =
# Retries within seconds; by default the first comes after five minutes.
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
`;
}

/** Starts an instance in `directory`, which must not exist and which everybody must be able to reach. */
export async function startPostfix(directory: string, mainCf: string): Promise<Postfix> {
  const port = await freePort();
  const configDirectory = join(directory, 'etc');
  await mkdir(configDirectory, { recursive: true });
  await writeOldFile(join(configDirectory, 'main.cf'), instanceLines(directory) + mainCf);
  await writeOldFile(join(configDirectory, 'master.cf'), masterCf.replace('@PORT@', String(port)));
  await makeQueue(directory);

  const daemons = (await run('postconf', ['-dh', 'daemon_directory'])).trim();
  const program = startProgram(join(daemons, 'master'), ['-c', configDirectory], { name: 'postfix' });
  // Postfix creates the file with its first line.
  const log = (): Promise<string> => readFile(join(directory, 'maillog'), 'utf8').catch(() => '');
  const waitForLog: Postfix['waitForLog'] = (pattern, offset = 0) =>
    eventually(
      `${pattern} in the log of Postfix`,
      async () => (await log()).slice(offset).match(pattern) ?? undefined,
      async () => (await log()).slice(offset) + program.output(),
    );
  const stop = async (): Promise<void> => void (await program.stop());
  try {
    await waitForLog(/daemon started/);
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    port,
    log,
    waitForLog,
    async queue() {
      const lines = (await run('postqueue', ['-c', configDirectory, '-j'])).split('\n');
      return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as QueuedMessage);
    },
    stop,
  };
}

/** Postfix waits with a configuration until it is two seconds old: an editor might still be writing it. */
async function writeOldFile(path: string, content: string): Promise<void> {
  await writeFile(path, content);
  await utimes(path, 0, Date.now() / 1000 - 60);
}

async function makeQueue(directory: string): Promise<void> {
  const userId = Number(await run('id', ['-u', 'postfix']));
  const dropGroupId = Number((await run('getent', ['group', 'postdrop'])).split(':')[2]);
  await mkdir(join(directory, 'queue', 'pid'), { recursive: true });
  const make = async (path: string, mode: number, groupId: number): Promise<void> => {
    await mkdir(join(directory, path), { mode });
    await chown(join(directory, path), userId, groupId);
  };
  await make('data', 0o700, 0);
  for (const name of ownDirectories.split(' ')) await make(`queue/${name}`, 0o700, 0);
  for (const [name, mode] of Object.entries(postdropDirectories)) {
    await make(`queue/${name}`, mode, dropGroupId);
  }
}

export interface SubmissionServer extends Postfix {
  /** The messages that `recipient` has got so far, oldest first, as bytes, with LF line ends as Postfix stores them. */
  messages(recipient: string): Promise<readonly Buffer[]>;
  /** Waits for the next message for `recipient`, after the `known` ones that it has already. */
  nextMessage(recipient: string, known?: number): Promise<Buffer>;
}

export interface SubmissionServerOptions {
  readonly directory: string;
  readonly certificate: Certificate;
  /** Dovecot's auth socket. */
  readonly authSocket: string;
  /** The addresses that exist; any other recipient is refused with 550 5.1.1. */
  readonly recipients: readonly string[];
  /** More main.cf lines. */
  readonly extra?: string;
}

/** A Maildir for each recipient that has got something, below a submission server's directory. */
export function mailboxesOf(directory: string): string {
  return join(directory, 'mail');
}

/** A server that takes mail only under TLS from who has signed in, says who that was in its Received line, and keeps it. */
export async function startSubmissionServer(options: SubmissionServerOptions): Promise<SubmissionServer> {
  const mailboxes = mailboxesOf(options.directory);
  const nobody = Number(await run('id', ['-u', 'nobody']));
  const domains = new Set(options.recipients.map((address) => address.slice(address.lastIndexOf('@') + 1)));
  const postfix = await startPostfix(
    options.directory,
    `
myhostname = upstream.test
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = ${options.certificate.certificateFile}
smtpd_tls_key_file = ${options.certificate.keyFile}
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = ${options.authSocket}
smtpd_sasl_authenticated_header = yes
smtpd_relay_restrictions = permit_sasl_authenticated, reject
virtual_mailbox_domains = ${[...domains].join(', ')}
virtual_mailbox_base = ${mailboxes}
virtual_mailbox_maps = inline:{ ${options.recipients.map((address) => `{ ${address} = ${address}/ }`).join(' ')} }
virtual_uid_maps = static:${nobody}
virtual_gid_maps = static:${nobody}
${options.extra ?? ''}`,
  );
  await mkdir(mailboxes);
  await chown(mailboxes, nobody, nobody);

  const messages = async (recipient: string): Promise<readonly Buffer[]> => {
    const directory = join(mailboxes, recipient, 'new');
    // No maildir exists before the first message.
    const names = await readdir(directory).catch((): string[] => []);
    const files = await Promise.all(
      names.map(async (name) => {
        const path = join(directory, name);
        return { at: (await stat(path)).mtimeMs, content: await readFile(path) };
      }),
    );
    return files.toSorted((a, b) => a.at - b.at).map(({ content }) => content);
  };
  return {
    ...postfix,
    messages,
    nextMessage: (recipient, known = 0) =>
      eventually(
        `message ${known + 1} for ${recipient}`,
        async () => (await messages(recipient))[known],
        postfix.log,
      ),
  };
}

/** The lines of a main.cf with `changes` applied as an administrator does: a parameter named in both is replaced. */
export function changeMainCf(mainCf: string, changes: string): string {
  const changed = new Set(parameters(changes).map(({ name }) => name));
  const kept = parameters(mainCf).filter(({ name }) => !changed.has(name));
  return [...kept, ...parameters(changes)].map(({ text }) => text).join('\n') + '\n';
}

/** A line that starts with white space continues the one before (postconf(5)); comments are dropped. */
function parameters(mainCf: string): { name: string; text: string }[] {
  const found: { name: string; text: string }[] = [];
  for (const line of mainCf.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const last = found.at(-1);
    if (/^\s/.test(line) && last !== undefined) last.text += `\n${line}`;
    else found.push({ name: line.split('=')[0]?.trim() ?? '', text: line });
  }
  return found;
}
