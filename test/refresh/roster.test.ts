import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AccountSettings, Config } from '../../src/config/config.js';
import { defaultLimits } from '../../src/config/limits.js';
import { systemClock } from '../../src/core/clock.js';
import { Secret } from '../../src/core/secret.js';
import type { RefreshOutcome } from '../../src/oauth/outcome.js';
import { openRoster, type Roster } from '../../src/refresh/roster.js';
import type { Lookup } from '../../src/refresh/token-source.js';
import { type TemporaryDirectory, temporaryDirectory } from '../support/process.js';
import { refreshedOutcome, type TokenJson, writeTokenFile } from '../support/token-files.js';
import { recordingLogger } from '../support/recording-logger.js';

let root: TemporaryDirectory;
let directory: string;
let roster: Roster | undefined;
let logger: ReturnType<typeof recordingLogger>;
let answer: RefreshOutcome;
let asked: string[];

beforeEach(async () => {
  root = await temporaryDirectory();
  directory = join(root.path, 'tokens');
  await mkdir(directory);
  logger = recordingLogger();
  answer = { kind: 'needs-person', reason: 'invalid_grant', advice: 'sign in again' };
  asked = [];
  roster = undefined;
});
afterEach(async () => {
  await roster?.close();
  await root.remove();
});

function config(
  accounts: Record<string, Partial<AccountSettings>> = {},
  changes: Partial<Config> = {},
): Config {
  return {
    source: '/etc/mailbearer/config.json',
    secretFiles: [],
    clientId: 'client',
    tokenDirs: [directory],
    logLevel: 'info',
    providers: new Map(),
    accounts: new Map(
      Object.entries(accounts).map(([name, settings]) => [name, { senders: [], ...settings }]),
    ),
    defaultAccount: undefined,
    relay: { listen: undefined, unknownSender: 'defer', bareNewlines: 'defuse', limits: defaultLimits },
    status: undefined,
    ...changes,
  };
}

async function open(given = config(), saslPasswd = new Map<string, string>()): Promise<void> {
  roster = await openRoster({
    config: given,
    tokenDirectories: [directory],
    saslPasswd,
    clock: systemClock,
    random: Math.random,
    logger,
    requestGrant: () => Promise.reject(new Error('no grant is asked for here')),
    async requestRefresh(_client, refreshToken) {
      asked.push(refreshToken.reveal());
      return answer;
    },
  });
}

function file(name: string): string {
  return join(directory, name);
}

/** A token file that lives for an hour, or not at all. */
function put(name: string, fields: TokenJson = {}, lifeSeconds = 3600): Promise<void> {
  return writeTokenFile(file(name), systemClock, lifeSeconds, fields);
}

function lookup(sender: string): Lookup {
  return roster!.lookup(sender);
}

/** The account that a sender's mail leaves through, or how there is none. */
function via(sender: string): string {
  const found = lookup(sender);
  if (found.kind === 'usable') return found.live.account.name;
  return found.kind === 'broken' ? `broken: ${found.account.problem.code}` : found.kind;
}

/** Changes take effect within a second. */
async function within(expectation: () => void | Promise<void>): Promise<void> {
  await vi.waitFor(expectation, { timeout: 1000, interval: 20 });
}

function soon(sender: string, expected: string): Promise<void> {
  return within(() => expect(via(sender)).toBe(expected));
}

/** The refresher itself, to see that it stays. */
function live(sender: string): unknown {
  const found = lookup(sender);
  return found.kind === 'usable' ? found.live.tokens : undefined;
}

async function token(sender: string): Promise<string> {
  const found = lookup(sender);
  if (found.kind !== 'usable') throw new Error(found.kind);
  return (await found.live.tokens.accessToken()).secret.reveal();
}

describe('at start', () => {
  it('finds the accounts and the senders that belong to them', async () => {
    await put('a@b.example', { access_token: 'A' });
    await put('c@b.example', { access_token: 'C' });
    await open();
    expect(await token('A+news@b.example')).toBe('A');
    expect(await token('c@b.example')).toBe('C');
    expect(via('x@y.example')).toBe('unknown');
    expect(roster!.accounts().map(({ account, tokens }) => [account.name, tokens?.state])).toEqual([
      ['a@b.example', 'holding'],
      ['c@b.example', 'holding'],
    ]);
  });

  it('starts with no account at all', async () => {
    await open();
    expect(via('a@b.example')).toBe('none');
  });

  it('keeps a damaged account known, and the others in service', async () => {
    await put('a@b.example');
    await writeFile(file('c@b.example'), '');
    await open();
    expect([via('a@b.example'), via('c@b.example')]).toEqual(['a@b.example', 'broken: token-invalid']);
    // It still counts: there is not only one account.
    expect(via('x@y.example')).toBe('unknown');
  });

  it('knows a configured account whose file is missing', async () => {
    await put('a@b.example');
    await open(config({ 'sales@b.example': { senders: ['@shop.example'] } }));
    expect(via('x@shop.example')).toBe('broken: token-missing');
    expect(via('sales@b.example')).toBe('broken: token-missing');
  });

  it('finds the file that an account names, once, though it lies in a token directory', async () => {
    await put('tokens.json', { user: 'sales@b.example' });
    await open(config({ sales: { tokenFile: file('tokens.json'), senders: ['@shop.example'] } }));
    expect(roster!.accounts()).toHaveLength(1);
    expect(via('x@shop.example')).toBe('sales');
  });

  it("takes the login name from Postfix's sasl_passwd", async () => {
    await put('relay');
    await open(config(), new Map([[file('relay'), 'user@b.example']]));
    expect(lookup('any@b.example')).toMatchObject({
      live: { account: { submission: { user: 'user@b.example' } } },
    });
  });

  it('refuses two accounts with one sender', async () => {
    await put('a@b.example');
    await put('c@b.example');
    const both = { senders: ['x@b.example'] };
    await expect(open(config({ 'a@b.example': both, 'c@b.example': both }))).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringContaining('x@b.example') as string,
    });
  });

  it('refuses a default account that there is not', async () => {
    await put('a@b.example');
    await expect(open(config({}, { defaultAccount: 'nobody' }))).rejects.toMatchObject({
      code: 'config-invalid',
    });
  });

  it('warns of a token directory that is missing, and uses it once it is made', async () => {
    await rm(directory, { recursive: true });
    await open();
    expect(logger.lines).toMatchObject([
      { level: 'warn', message: expect.stringContaining(directory) as string },
    ]);
    await mkdir(directory);
    await put('a@b.example');
    await soon('a@b.example', 'a@b.example');
  });
});

describe('while running', () => {
  it('names the servers that mail is submitted to, each once, anew when they have changed', async () => {
    const own = { host: 'smtp.corp.example', port: 465, tls: 'implicit' } as const;
    await put('a@b.example');
    await put('c@b.example');
    await put('nobody');
    await open(config({ 'd@b.example': { smtp: own } }));
    const before = roster!.upstreams;
    expect(before.map(({ host }) => host)).toEqual(['smtp.gmail.com']);
    expect(roster!.upstreams).toBe(before);
    await put('d@b.example');
    await within(() => expect(roster!.upstreams.at(-1)).toEqual(own));
    expect(roster!.upstreams).toHaveLength(2);
  });

  it('takes a new file into service', async () => {
    await open();
    await put('a@b.example', { access_token: 'A' });
    await soon('a@b.example', 'a@b.example');
    expect(await token('a@b.example')).toBe('A');
  });

  it('keeps the mail of a removed account waiting instead of sending it through the only other', async () => {
    await put('a@b.example');
    await put('c@b.example');
    await open();
    await rm(file('a@b.example'));
    await soon('a@b.example', 'broken: token-missing');
    expect(via('c@b.example')).toBe('c@b.example');
    expect(via('x@y.example')).toBe('unknown');
    await put('a@b.example', { access_token: 'back' });
    await soon('a@b.example', 'a@b.example');
    expect(await token('a@b.example')).toBe('back');
  });

  it('takes an account out of service when its file breaks, and back when it is mended', async () => {
    await put('a@b.example');
    await open();
    await writeFile(file('a@b.example'), 'oops');
    await soon('a@b.example', 'broken: token-invalid');
    await put('a@b.example', { access_token: 'mended' });
    await soon('a@b.example', 'a@b.example');
    expect(await token('a@b.example')).toBe('mended');
  });

  it('lifts a dead grant when the file is replaced, with the same refresher', async () => {
    await put('a@b.example', {}, 0);
    await open();
    await expect(token('a@b.example')).rejects.toMatchObject({ code: 'grant-dead' });
    const before = live('a@b.example');
    answer = refreshedOutcome(1);
    await put('.new', { refresh_token: 'R9' }, 0);
    await rename(file('.new'), file('a@b.example'));
    await within(async () => expect(await token('a@b.example').catch(String)).toBe('access-1'));
    expect(asked).toEqual(['refresh-0', 'R9']);
    expect(live('a@b.example')).toBe(before);
  });

  it('takes changed settings into use', async () => {
    await put('a@b.example', { client_secret: 'one' });
    await open();
    await put('a@b.example', { client_secret: 'two' });
    const wanted = new Secret('two');
    await within(() => {
      const found = lookup('a@b.example');
      expect(found.kind === 'usable' && found.live.account.client.clientSecret.equals(wanted)).toBe(true);
    });
  });

  it('follows a symlink that is pointed at another file', async () => {
    const [one, two] = [join(root.path, 'one'), join(root.path, 'two')];
    await writeTokenFile(one, systemClock, 3600, { access_token: 'one' });
    await writeTokenFile(two, systemClock, 3600, { access_token: 'two' });
    await symlink(one, file('a@b.example'));
    await open();
    await symlink(two, file('.link'));
    await rename(file('.link'), file('a@b.example'));
    await within(async () => expect(await token('a@b.example')).toBe('two'));
  });

  it('hears of a change in the directory that a symlink leads to', async () => {
    const real = join(root.path, 'real');
    await mkdir(real);
    await writeTokenFile(join(real, 'token'), systemClock, 3600);
    await symlink(join(real, 'token'), file('a@b.example'));
    await open();
    await rm(join(real, 'token'));
    await soon('a@b.example', 'broken: token-missing');
    expect(via('x@y.example')).toBe('broken: token-missing');
  });

  it('leaves a sender with the earlier account when another claims it', async () => {
    await put('a@b.example', { access_token: 'A' });
    await open();
    await put('0', { user: 'a@b.example', access_token: 'later' });
    const complaint = /claim the sender a@b\.example.*keeps it/;
    await within(() => expect(logger.lines.some(({ message }) => complaint.test(message))).toBe(true));
    expect(await token('a@b.example')).toBe('A');
  });

  it('does not disturb other accounts, nor take its own refresh for a change', async () => {
    await put('a@b.example', {}, 0);
    await put('c@b.example');
    answer = refreshedOutcome(1);
    await open();
    const other = live('c@b.example');
    expect(await token('a@b.example')).toBe('access-1');
    await put('d@b.example');
    await soon('d@b.example', 'd@b.example');
    expect(other).toBeDefined();
    expect(live('c@b.example')).toBe(other);
    expect(await token('a@b.example')).toBe('access-1');
    expect(asked).toEqual(['refresh-0']);
  });

  it('says a trouble once', async () => {
    await writeFile(file('a@b.example'), '');
    await open();
    await put('c@b.example');
    await soon('c@b.example', 'c@b.example');
    const complaints = logger.lines.filter(({ level }) => level === 'error');
    expect(complaints).toMatchObject([
      { message: expect.stringContaining('account a@b.example cannot be used') as string },
    ]);
  });
});

it('writes the answer under way before it closes', async () => {
  await put('a@b.example', {}, 0);
  answer = refreshedOutcome(1);
  await open();
  const asking = token('a@b.example');
  await roster!.close();
  await asking.catch(() => undefined);
  const { refresh_token } = JSON.parse(await readFile(file('a@b.example'), 'utf8')) as Record<string, string>;
  expect(refresh_token).toBe(asked.length > 0 ? 'refresh-1' : 'refresh-0');
});
