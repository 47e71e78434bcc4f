import { join } from 'node:path';
import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Account } from '../../src/accounts/account.js';
import { AppError } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import type { RefreshOutcome } from '../../src/oauth/outcome.js';
import { gmail, outlook } from '../../src/providers/index.js';
import type { AccountEvent } from '../../src/refresh/event.js';
import { dayMs } from '../../src/refresh/foresight.js';
import { Lookout } from '../../src/refresh/lookout.js';
import { refreshOnce } from '../../src/refresh/refresh-once.js';
import { StateFile } from '../../src/refresh/state-file.js';
import { createFileStore } from '../../src/tokens/file-store.js';
import type { StoredToken } from '../../src/tokens/token.js';
import { createCertificateAuthority } from '../support/certificates.js';
import { type TemporaryDirectory, temporaryDirectory } from '../support/process.js';
import { refreshedOutcome, testAccount, type TokenJson, writeTokenFile } from '../support/token-files.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { recordingLogger } from '../support/recording-logger.js';

let root: TemporaryDirectory;
let path: string;
let clock: VirtualClock;
let logger: ReturnType<typeof recordingLogger>;
let events: AccountEvent[];
let lookout: Lookout;

const dead: RefreshOutcome = { kind: 'needs-person', reason: 'invalid_grant', advice: 'sign in again' };
const down: RefreshOutcome = { kind: 'transient', reason: 'HTTP 503', retryAfterSeconds: undefined };
const wrong: RefreshOutcome = { kind: 'misconfigured', reason: 'invalid_client', advice: 'check client_id' };

beforeEach(async () => {
  root = await temporaryDirectory();
  path = join(root.path, 'a@b.example');
  clock = new VirtualClock();
  logger = recordingLogger();
  events = [];
  await open();
});
afterEach(async () => {
  await lookout.close();
  await root.remove();
});

async function open(): Promise<void> {
  const state = await StateFile.open({
    path: join(root.path, 'state', 'state.json'),
    clock,
    random: Math.random,
    logger,
  });
  lookout = new Lookout({ clock, logger, state, tell: (event) => events.push(event) });
}

/** As when the daemon is started anew, with the same state directory. */
async function restart(account: Account): Promise<void> {
  await lookout.close();
  await open();
  lookout.holds(account, await stored());
}

function stored(): Promise<StoredToken> {
  return store().read();
}

function store() {
  return createFileStore({ path, clock, random: Math.random });
}

async function signIn(account: Account, fields: TokenJson = {}): Promise<void> {
  await writeTokenFile(path, clock, 3600, fields);
  lookout.holds(account, { ...(await stored()), writtenAt: clock.now() });
}

/** A refresh as the daemon does it, with this answer. */
async function refresh(account: Account, outcome: RefreshOutcome): Promise<void> {
  const result = await refreshOnce({
    account,
    store: store(),
    clock,
    requestRefresh: () => Promise.resolve(outcome),
    requestGrant: () => Promise.resolve(outcome),
    mustRefresh: () => true,
    beforeWritingAgain: () => Promise.resolve(false),
  });
  lookout.ended(account, result);
}

const kinds = () => events.map(({ event }) => event);
/** Everything that is looked at hourly, for so many days. */
async function pass(days: number): Promise<void> {
  for (let day = 0; day < days; day++) {
    await clock.advance(dayMs);
    // Certificates are read from the disk, in real time.
    await lookout.looked();
  }
}

describe('events', () => {
  it('tell of a refresh, in the form that is documented', async () => {
    const account = testAccount(path);
    await signIn(account);
    await refresh(account, refreshedOutcome(1));
    expect(events).toEqual([
      {
        event: 'token-refreshed',
        time: new Date(clock.now()).toISOString(),
        account: 'a@b.example',
        provider: 'corp',
        token_file: path,
        message: 'a new access token for a@b.example',
        hint: null,
        expires_at: new Date(clock.now() + 3_600_000).toISOString().replace(/\.\d+/, '.000'),
        refresh_token_replaced: true,
      },
    ]);
  });

  it('tell of trouble once, and of its end', async () => {
    const account = testAccount(path);
    await signIn(account);
    for (let times = 0; times < 6; times++) await refresh(account, down);
    await refresh(account, refreshedOutcome(1));
    expect(kinds()).toEqual(['refresh-failing', 'recovered', 'token-refreshed']);
    expect(events[0]).toMatchObject({ code: 'refresh-transient', hint: 'it is tried again by itself' });
    expect(events[1]).toMatchObject({ after: 'refresh-failing' });
  });

  it('do not tell of a blip', async () => {
    const account = testAccount(path);
    await signIn(account);
    await refresh(account, down);
    await refresh(account, down);
    await refresh(account, refreshedOutcome(1));
    expect(kinds()).toEqual(['token-refreshed']);
  });

  it('tell at once of what waiting will not mend', async () => {
    const account = testAccount(path);
    await signIn(account);
    await refresh(account, wrong);
    expect(events).toMatchObject([
      { event: 'refresh-failing', code: 'client-rejected', hint: 'check client_id' },
    ]);
  });

  it('tell of an ended sign-in once, also after a restart, and of the new one', async () => {
    const account = testAccount(path);
    await signIn(account);
    await refresh(account, dead);
    await refresh(account, down);
    await restart(account);
    await refresh(account, dead);
    expect(kinds()).toEqual(['needs-authorization']);
    expect(events[0]).toMatchObject({ code: 'grant-dead' });
    expect(events[0]?.hint).toMatch(/get-token/);
    await signIn(account, { refresh_token: 'another' });
    expect(kinds()).toEqual(['needs-authorization', 'recovered']);
  });

  it('tell of an account whose file is gone, and of its return', async () => {
    const account = testAccount(path);
    await signIn(account);
    const problem = new AppError('token-missing', 'the token file was removed', { hint: 'put it back' });
    lookout.broken({ name: account.name, tokenFile: path, senders: [], problem });
    lookout.holds(account, await stored());
    expect(kinds()).toEqual(['needs-authorization', 'recovered']);
    expect(events[0]).toMatchObject({ provider: null, hint: 'put it back' });
  });
});

describe('a sign-in', () => {
  it('that nobody could refresh is warned of 14, 7 and 1 days before it ends, in the log and as events', async () => {
    const account = testAccount(path, { provider: outlook });
    await signIn(account);
    await pass(91);
    expect(events.map((event) => 'warning_days' in event && event.warning_days)).toEqual([14, 7, 1]);
    expect(events[0]).toMatchObject({ event: 'expires-soon', what: 'sign-in' });
    const warnings = logger.lines.filter(({ level }) => level === 'warn');
    expect(warnings.map(({ message }) => /, in (.*?),/.exec(message)?.[1])).toEqual([
      '14 days',
      '7 days',
      '1 day',
    ]);
    expect(warnings[0]?.message).toContain(
      'it was not refreshed; Microsoft 365 and Outlook.com allows 90 days',
    );
  });

  it('is warned of no second time after a restart', async () => {
    const account = testAccount(path, { provider: outlook });
    await signIn(account);
    await pass(78);
    await restart(account);
    await pass(2);
    expect(kinds()).toEqual(['expires-soon']);
  });

  it('that died at seven days is recognised, and the next one is warned of in time', async () => {
    const account = testAccount(path, { provider: gmail });
    await signIn(account);
    await pass(7);
    await refresh(account, dead);
    expect(events).toMatchObject([{ event: 'needs-authorization' }]);
    expect(events[0]?.message).toContain(
      'ended 7 days after it was made, as all do while the consent screen is in "Testing"',
    );
    expect(events[0]?.hint).toContain('In production');
    expect(logger.lines.at(-1)).toMatchObject({ level: 'error' });
    await signIn(account, { refresh_token: 'another' });
    await pass(1);
    expect(events.at(-1)).toMatchObject({ event: 'expires-soon', what: 'sign-in', warning_days: 7 });
    // The consent screen was published: it lives on, and so will those after it.
    await pass(9);
    await refresh(account, { ...refreshedOutcome(1), refreshToken: undefined } as RefreshOutcome);
    const told = events.length;
    await signIn(account, { refresh_token: 'a third' });
    await pass(5);
    expect(events.slice(told)).toEqual([]);
  });

  it('in the keyring is known from a refresh, and its end until the next sign-in', async () => {
    const account = testAccount(path, { provider: gmail, tokenStore: 'keyring' });
    const refreshTokenExpiresInSeconds = 604_799;
    await signIn(account);
    // As the store of the keyring gives it; the file has none.
    await refresh(account, { ...refreshedOutcome(1), refreshTokenExpiresInSeconds } as RefreshOutcome);
    await signIn(account, { refresh_token: '' });
    await pass(1);
    expect(events.at(-1)).toMatchObject({ event: 'expires-soon', what: 'sign-in', warning_days: 7 });
    await pass(6);
    const error = new AppError('grant-dead', 'invalid_grant');
    lookout.ended(account, { kind: 'failed', error, retryAfterSeconds: undefined });
    expect(events.at(-1)?.message).toContain('ended 7 days after it was made');
    await clock.advance(60_000);
    await signIn(account, { refresh_token: '', access_token: 'of another sign-in' });
    expect(events.at(-1)).toMatchObject({ event: 'recovered' });
  });

  it('whose end the provider names is warned of by that', async () => {
    const account = testAccount(path, { provider: gmail });
    await signIn(account);
    const refreshTokenExpiresInSeconds = 604_799;
    await refresh(account, { ...refreshedOutcome(1), refreshTokenExpiresInSeconds } as RefreshOutcome);
    await pass(8);
    expect(events.slice(1)).toMatchObject([{ warning_days: 7 }, { warning_days: 1 }]);
  });
});

describe('a client secret and a certificate', () => {
  it('are warned of before they end', async () => {
    const secretExpiresAt = clock.now() + 20 * dayMs;
    const { client } = testAccount(path);
    const withSecret = testAccount(path, {
      client: { ...client, clientSecret: new Secret('s'), secretExpiresAt },
    });
    await signIn(withSecret);
    await pass(21);
    expect(events.map((event) => 'what' in event && [event.what, event.warning_days])).toEqual([
      ['client-secret', 14],
      ['client-secret', 7],
      ['client-secret', 1],
    ]);
    expect(events[0]?.hint).toContain('secret_expires');
  });

  it('are looked at anew when the certificate is another one', async () => {
    const authority = await createCertificateAuthority(join(root.path, 'ca'));
    const issue = (days: number) => authority.issue('app', { validTo: new Date(clock.now() + days * dayMs) });
    const { certificateFile, keyFile } = await issue(10);
    const certificate = { certificateFile, keyFile, passphrase: undefined };
    const account = testAccount(path, {
      grant: { kind: 'client-credentials', scope: undefined, certificate },
    });
    await writeTokenFile(path, clock, 3600, { refresh_token: '' });
    lookout.holds(account, await stored());
    await pass(1);
    expect(events).toMatchObject([{ event: 'expires-soon', what: 'certificate', warning_days: 14 }]);
    await issue(400);
    await pass(10);
    expect(events).toHaveLength(1);
    await rm(certificateFile);
    await pass(1);
    expect(events).toHaveLength(1);
  });
});
