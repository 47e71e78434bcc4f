/**
 * `passwd`: adds a password for clients of the relay, lists them, takes one away. A password comes from a person or
 * standard input, or is made here and shown once; never from the command line, where others could see it.
 */
import { randomInt } from 'node:crypto';
import { isAddress, parseSender } from '../../config/values.js';
import type { Config } from '../../config/config.js';
import { AppError, exitStatus } from '../../core/errors.js';
import { Secret } from '../../core/secret.js';
import { derive, newSettings } from '../../submission/password-hash.js';
import { isName, loginOf, type PasswordEntry } from '../../submission/passwords-file.js';
import { openContext } from '../context.js';
import { untilInterrupted } from '../interrupt.js';
import { changePasswords, readPasswords } from '../passwords-store.js';
import { formatTable } from '../table.js';
import type { Ui } from '../ui.js';

export interface PasswdOptions {
  readonly configFile?: string;
  readonly action: 'add' | 'list' | 'remove';
  readonly user: string | undefined;
  readonly name: string | undefined;
  /** By default the one of the configuration. */
  readonly file?: string;
  readonly sender?: readonly string[];
  readonly account?: readonly string[];
  /** It may send for everyone. */
  readonly anySender?: boolean;
  readonly generate?: boolean;
  readonly json?: boolean;
}

/** Without letters and digits that look alike: 100 bits, typed on the keys of a printer. */
const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789';
const generatedLength = 20;

/** Resolves to the exit status; throws AppError, or Interrupted. */
export function runPasswd(options: PasswdOptions, ui: Ui): Promise<number> {
  return untilInterrupted(async (signal) => {
    const { clock, config, random } = await openContext(options.configFile);
    const path = options.file ?? onlyFile(config);
    if (options.action === 'list') return list(await readPasswords(path), options, ui);
    const { name, user } = named(options);
    const change = (how: (entries: readonly PasswordEntry[]) => Promise<readonly PasswordEntry[]>) =>
      changePasswords(path, { clock, random, signal }, how);
    if (options.action === 'remove') {
      await change((entries) => Promise.resolve(without(entries, user, name, path)));
      ui.say(`The password "${name}" of ${user} is removed from ${path}, and counts no more.`);
      return exitStatus.ok;
    }
    const rights = rightsOf(user, options);
    const known = await readPasswords(path, { mayBeMissing: true });
    if (find(known, user, name) !== undefined) throw exists(user, name, path);
    const password = options.generate ? generated() : await asked(ui, signal);
    await change(async (entries) => {
      if (find(entries, user, name) !== undefined) throw exists(user, name, path);
      // With the settings of the user's others, so that one computation checks them all.
      const settings = entries.find((entry) => entry.user === user)?.hash ?? newSettings();
      const { blockSize, logN, parallelization, salt } = settings;
      const hash = { blockSize, logN, parallelization, salt, hash: await derive(password, settings) };
      return [...entries, { user, name, hash, ...rights }];
    });
    if (options.generate) await ui.data(password.reveal());
    ui.say(`The password "${name}" of ${user} is in ${path}; ${described(rights)}.`);
    return exitStatus.ok;
  });
}

function onlyFile({ relay }: Config): string {
  const files = new Set((relay.listen ?? []).flatMap(({ auth }) => auth?.passwordsFile ?? []));
  const [file] = files;
  if (file !== undefined && files.size === 1) return file;
  const problem = files.size === 0 ? 'names no passwords_file' : 'names more than one passwords_file';
  throw new AppError('usage', `the configuration ${problem}`, { hint: 'name the file: --file FILE' });
}

function named({ action, name, user }: PasswdOptions): { user: string; name: string } {
  if (user !== undefined && name !== undefined && isName(user) && isName(name))
    return { user: loginOf(user), name };
  throw new AppError('usage', `passwd ${action} needs a login name and a name for the password`, {
    hint: `mailbearer passwd ${action} scan@example.org printer`,
  });
}

type Rights = Pick<PasswordEntry, 'senders' | 'accounts'>;

/** What was said; without a word, a mailbox sends for itself. */
function rightsOf(user: string, { account, anySender, sender }: PasswdOptions): Rights {
  const senders = sender?.map((text) => {
    const parsed = parseSender(text);
    if ('value' in parsed) return parsed.value;
    throw new AppError('usage', `--sender ${text}: ${parsed.problem}`);
  });
  const accounts = account?.map((text) => text.toLowerCase());
  if (senders !== undefined || accounts !== undefined || anySender) return { senders, accounts };
  if (isAddress(user)) return { senders: [user], accounts };
  throw new AppError('usage', `${user} is no address: what may it send for?`, {
    hint: 'add --sender ADDRESS, --account NAME, or --any-sender',
  });
}

function described({ accounts, senders }: Rights): string {
  const whom = senders === undefined ? 'everyone' : senders.join(', ');
  return `it may send for ${whom}${accounts === undefined ? '' : ` through ${accounts.join(', ')}`}`;
}

async function list(
  entries: readonly PasswordEntry[],
  { json, user }: PasswdOptions,
  ui: Ui,
): Promise<number> {
  const shown = entries.filter((entry) => user === undefined || entry.user === loginOf(user));
  if (json) {
    const plain = shown.map(({ accounts, name, senders, user: login }) => ({
      user: login,
      name,
      senders,
      accounts,
    }));
    await ui.data(JSON.stringify(plain, undefined, 2));
  } else {
    const rows = shown.map(({ accounts, name, senders, user: login }) => [
      login,
      name,
      senders?.join(', ') ?? 'all',
      accounts?.join(', ') ?? 'all',
    ]);
    await ui.data(formatTable([['USER', 'NAME', 'SENDERS', 'ACCOUNTS'], ...rows]).join('\n'));
  }
  return exitStatus.ok;
}

function find(entries: readonly PasswordEntry[], user: string, name: string): PasswordEntry | undefined {
  return entries.find((entry) => entry.user === user && entry.name === name);
}

function without(
  entries: readonly PasswordEntry[],
  user: string,
  name: string,
  path: string,
): readonly PasswordEntry[] {
  const gone = find(entries, user, name);
  if (gone !== undefined) return entries.filter((entry) => entry !== gone);
  throw new AppError('usage', `${path} has no password "${name}" of ${user}`, {
    hint: 'mailbearer passwd list shows those there are',
  });
}

function exists(user: string, name: string, path: string): AppError {
  return new AppError('usage', `${user} has a password "${name}" in ${path} already`, {
    hint: `give the new one another name, or first: mailbearer passwd remove ${user} ${name}`,
  });
}

function generated(): Secret {
  return new Secret(
    Array.from({ length: generatedLength }, () => alphabet[randomInt(alphabet.length)]).join(''),
  );
}

/** Twice, where a person could mistype what is not shown. */
async function asked(ui: Ui, signal: AbortSignal): Promise<Secret> {
  const password = await ui.askSecret('Password (not shown): ', signal);
  if (password === undefined || password.isEmpty)
    throw new AppError('usage', 'no password was given', { hint: 'type it, pipe it in, or add --generate' });
  if (ui.interactive && !password.equals(await ui.askSecret('The same again: ', signal)))
    throw new AppError('usage', 'the two passwords differ', { hint: 'try again' });
  return password;
}
