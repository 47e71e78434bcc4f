import { mkdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Account } from '../../src/accounts/account.js';
import { Secret } from '../../src/core/secret.js';
import type { RefreshOutcome } from '../../src/oauth/outcome.js';
import { unknownProvider } from '../../src/providers/provider.js';
import { createRefresher, type Refresher } from '../../src/refresh/refresher.js';
import { createFileStore } from '../../src/tokens/file-store.js';
import { createTokenFile } from '../../src/tokens/new-file.js';
import { eventually, type TemporaryDirectory, temporaryDirectory } from '../support/process.js';
import { refreshedOutcome, testAccount, type TokenJson, writeTokenFile } from '../support/token-files.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { recordingLogger } from '../support/recording-logger.js';

let root: TemporaryDirectory;
let path: string;
let clock: VirtualClock;
let logger: ReturnType<typeof recordingLogger>;
/** What the token endpoint was asked with. */
let asked: string[];
/** What it answers, in turn; without an answer it is transient. */
let answers: (RefreshOutcome | Promise<RefreshOutcome>)[];
let refresher: Refresher;

beforeEach(async () => {
  root = await temporaryDirectory();
  path = join(root.path, 'a@b.example');
  clock = new VirtualClock();
  logger = recordingLogger();
  asked = [];
  answers = [];
});
afterEach(async () => {
  await refresher.close();
  await root.remove();
});

const down: RefreshOutcome = {
  kind: 'transient',
  reason: 'connect ECONNREFUSED',
  retryAfterSeconds: undefined,
};
const dead: RefreshOutcome = { kind: 'needs-person', reason: 'invalid_grant', advice: 'sign in again' };

/** A refresher of a token file that lives for `lifeSeconds`. */
async function start(
  lifeSeconds: number,
  fields: TokenJson = {},
  changes: Partial<Account> = {},
): Promise<void> {
  await writeTokenFile(path, clock, lifeSeconds, fields);
  const store = createFileStore({ path, clock, random: Math.random });
  const whom = { account: testAccount(path, changes), store, initial: await store.read() };
  refresher = createRefresher(whom, {
    clock,
    random: () => 0,
    logger,
    requestGrant: () => Promise.reject(new Error('no grant is asked for here')),
    async requestRefresh(_client, refreshToken) {
      asked.push(refreshToken.reveal());
      return answers.shift() ?? down;
    },
  });
}

async function token(): Promise<string> {
  return (await refresher.accessToken()).secret.reveal();
}

async function onDisk(): Promise<Record<string, string>> {
  return JSON.parse(await readFile(path, 'utf8')) as Record<string, string>;
}

/** Until the refresh that runs has ended. */
function idle(): Promise<true> {
  return eventually('the refresh to end', () => (refresher.status().refreshing ? undefined : true));
}

function deferred(): { promise: Promise<RefreshOutcome>; resolve: (outcome: RefreshOutcome) => void } {
  let resolve: (outcome: RefreshOutcome) => void = () => undefined;
  const promise = new Promise<RefreshOutcome>((done) => (resolve = done));
  return { promise, resolve };
}

async function isAsked(times: number): Promise<void> {
  await eventually(`question ${times}`, () => (asked.length >= times ? true : undefined));
}

describe('a fresh token', () => {
  it('is handed out as it is, with no promise of its own', async () => {
    await start(3600);
    expect(refresher.accessToken()).toBe(refresher.accessToken());
    expect(await token()).toBe('access-0');
    expect(asked).toEqual([]);
  });

  it('is refreshed in the background when the window opens, so that no message waits', async () => {
    await start(3600);
    answers = [refreshedOutcome(1)];
    await clock.advance(2_995_000);
    expect(asked).toEqual([]);
    await clock.advance(10_000);
    await isAsked(1);
    await idle();
    expect(await token()).toBe('access-1');
    expect(asked).toEqual(['refresh-0']);
  });

  it('is refreshed again and again, each time with the newest refresh token', async () => {
    await start(3600);
    answers = [refreshedOutcome(1), refreshedOutcome(2), refreshedOutcome(3)];
    for (const round of [1, 2, 3]) {
      await clock.advance(3_010_000);
      await isAsked(round);
      await idle();
    }
    expect(asked).toEqual(['refresh-0', 'refresh-1', 'refresh-2']);
    expect(await onDisk()).toMatchObject({ access_token: 'access-3', refresh_token: 'refresh-3' });
  });

  it('that expired while the machine slept is refreshed on demand', async () => {
    await start(3600);
    answers = [refreshedOutcome(1)];
    clock.leap(8_000_000);
    expect(await token()).toBe('access-1');
  });
});

describe('inside the window', () => {
  const life = 900;
  // Half of its life is over, so it is due.
  const age = 500_000;

  it('a token is refreshed before it is used', async () => {
    await start(life);
    clock.leap(age);
    answers = [refreshedOutcome(1)];
    expect(await token()).toBe('access-1');
  });

  it('the old token is used when the refresh fails, and the endpoint is not asked again at once', async () => {
    await start(life);
    clock.leap(age);
    expect(await token()).toBe('access-0');
    expect(await token()).toBe('access-0');
    expect(asked).toHaveLength(1);
    expect(refresher.status()).toMatchObject({ state: 'troubled', problem: { code: 'refresh-transient' } });
  });

  it('the old token is used after 5 s when the refresh is slow, and the new one when it comes', async () => {
    await start(life);
    clock.leap(age);
    const { promise, resolve } = deferred();
    answers = [promise];
    const first = token();
    await isAsked(1);
    await clock.advance(4_900);
    const late = token();
    await clock.advance(100);
    // Both at the same moment: the patience counts from the start of the refresh.
    expect(await Promise.all([first, late])).toEqual(['access-0', 'access-0']);
    resolve(refreshedOutcome(1));
    await idle();
    expect(await token()).toBe('access-1');
  });

  it('the old token is not used with less life than the server demands', async () => {
    const provider = { ...testAccount(path).provider, minimumLifetimeSeconds: 600 };
    await start(3600, {}, { provider, refreshWindowSeconds: 900 });
    clock.leap(3_100_000);
    await expect(token()).rejects.toMatchObject({ code: 'refresh-transient' });
  });
});

describe('an expired token', () => {
  it('makes everyone wait for one refresh', async () => {
    await start(0);
    const { promise, resolve } = deferred();
    answers = [promise];
    const waiting = Promise.all(Array.from({ length: 50 }, token));
    await isAsked(1);
    resolve(refreshedOutcome(1));
    expect(new Set(await waiting)).toEqual(new Set(['access-1']));
    expect(asked).toEqual(['refresh-0']);
  });

  it('is refreshed in the background at once', async () => {
    await start(0);
    answers = [refreshedOutcome(1)];
    await clock.advance(0);
    await isAsked(1);
    await idle();
    expect(await token()).toBe('access-1');
  });

  it('defect 4: is taken from the file when another process has refreshed it', async () => {
    await start(0);
    await writeTokenFile(path, clock, 3600, { access_token: 'theirs', refresh_token: 'rotated' });
    expect(await token()).toBe('theirs');
    expect(asked).toEqual([]);
  });

  it('defect 8: fails at once while backing off, and is tried again by itself', async () => {
    await start(0);
    answers = [down, down, refreshedOutcome(1)];
    await expect(token()).rejects.toMatchObject({ code: 'refresh-transient' });
    await expect(token()).rejects.toMatchObject({ code: 'refresh-transient' });
    expect(asked).toHaveLength(1);
    await clock.advance(5_000);
    await isAsked(2);
    await idle();
    await clock.advance(9_900);
    expect(asked).toHaveLength(2);
    await clock.advance(100);
    await isAsked(3);
    await idle();
    expect(await token()).toBe('access-1');
    expect(refresher.status()).toMatchObject({ state: 'holding', problem: undefined });
  });

  it('waits as long as the endpoint says', async () => {
    await start(0);
    answers = [{ ...down, retryAfterSeconds: 120 }];
    await expect(token()).rejects.toMatchObject({ code: 'refresh-transient' });
    expect(refresher.status().nextAttemptAt).toBe(clock.now() + 120_000);
  });

  it('defect 13: with a dead grant says what to do, and is asked for hourly at most', async () => {
    await start(0);
    answers = [dead];
    const failure = await refresher.accessToken().catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'grant-dead',
      message: expect.stringContaining('invalid_grant') as string,
      hint: `sign in again: mailbearer get-token corp ${path} --overwrite-existing-token`,
      publicDetail: 'invalid_grant',
    });
    await clock.advance(3_590_000);
    await expect(token()).rejects.toBe(failure);
    expect(asked).toHaveLength(1);
    await clock.advance(20_000);
    await isAsked(2);
  });

  it('with refused client settings says so', async () => {
    await start(0);
    answers = [{ kind: 'misconfigured', reason: 'invalid_client', advice: 'compare client_id' }];
    await expect(token()).rejects.toMatchObject({ code: 'client-rejected', hint: 'compare client_id' });
  });

  it('without a refresh token says so and asks nothing', async () => {
    await start(0, { refresh_token: '' });
    await expect(token()).rejects.toMatchObject({
      code: 'token-invalid',
      message: `the token file ${path} has no refresh_token`,
    });
    expect(asked).toEqual([]);
  });

  it('is not refreshed in a loop when the endpoint gives nothing but expired tokens', async () => {
    await start(0);
    answers = [refreshedOutcome(1, 0), refreshedOutcome(2, 0)];
    await expect(token()).rejects.toMatchObject({ code: 'refresh-transient' });
    await clock.advance(4_900);
    expect(asked).toHaveLength(1);
    await clock.advance(5_100);
    await isAsked(2);
    await idle();
    // And the wait grows.
    expect(refresher.status().nextAttemptAt! - clock.now()).toBeGreaterThan(5_000);
    expect(await onDisk()).toMatchObject({ refresh_token: 'refresh-2' });
  });

  it('names no path to a peer, whatever the failure', async () => {
    await start(0);
    await rm(path);
    const failure = await refresher.accessToken().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'token-missing' });
  });
});

describe('defect 3: a rotated refresh token', () => {
  it('is on disk before the access token is handed out', async () => {
    await start(0);
    answers = [refreshedOutcome(1)];
    const handedOut = refresher.accessToken().then(onDisk);
    expect(await handedOut).toMatchObject({ refresh_token: 'refresh-1', access_token: 'access-1' });
  });

  it('is not asked for when it could not be written', async () => {
    await start(0);
    await rm(path);
    await mkdir(join(root.path, 'elsewhere'));
    await writeFile(path, '{"refresh_token": "R"}');
    // A name that is taken, and random numbers without imagination.
    const store = createFileStore({ path, clock, random: () => 0 });
    await writeFile(join(root.path, '.a@b.example.00000000.tmp'), '');
    await refresher.close();
    const whom = { account: testAccount(path), store, initial: await store.read() };
    refresher = createRefresher(whom, {
      clock,
      random: () => 0,
      logger,
      requestGrant: () => Promise.reject(new Error('no grant is asked for here')),
      requestRefresh: () => Promise.reject(new Error('it was asked for')),
    });
    await expect(token()).rejects.toMatchObject({ code: 'token-unwritable' });
  });

  it('survives an answer that carries none', async () => {
    await start(0);
    answers = [{ ...refreshedOutcome(1), refreshToken: undefined } as RefreshOutcome];
    expect(await token()).toBe('access-1');
    expect(await onDisk()).toMatchObject({ refresh_token: 'refresh-0', access_token: 'access-1' });
  });

  describe('that cannot be written after all', () => {
    const aside = () => join(root.path, '.aside');

    /** Makes the rename fail by a directory in the file's place. */
    async function obstruct(): Promise<void> {
      await rename(path, aside());
      await mkdir(path);
    }

    async function clear(): Promise<void> {
      await rmdir(path);
      await rename(aside(), path);
    }

    beforeEach(async () => {
      await start(0);
      const { promise, resolve } = deferred();
      answers = [promise];
      const waiting = token();
      await isAsked(1);
      await obstruct();
      resolve(refreshedOutcome(1));
      await waiting;
    });

    it('serves from memory meanwhile, so that mail flows, and says so', async () => {
      expect(await token()).toBe('access-1');
      expect(refresher.status()).toMatchObject({ state: 'unsaved', problem: { code: 'token-unwritable' } });
      await clear();
    });

    it('is written as soon as that is possible, and nothing else is tried before', async () => {
      for (const waitMs of [5_000, 10_000]) {
        const { length } = logger.lines;
        await clock.advance(waitMs);
        await eventually('another failure', () => (logger.lines.length > length ? true : undefined));
      }
      expect(logger.lines.map(({ level }) => level)).toEqual(['error', 'debug', 'debug']);
      await clear();
      await eventually('the write', async () => {
        await clock.advance(10_000);
        return refresher.status().state === 'holding' ? true : undefined;
      });
      expect(await onDisk()).toMatchObject({ refresh_token: 'refresh-1', access_token: 'access-1' });
      expect(asked).toHaveLength(1);
      expect(await token()).toBe('access-1');
    });

    it('is written when the process ends', async () => {
      await clear();
      await refresher.close();
      expect(await onDisk()).toMatchObject({ refresh_token: 'refresh-1' });
    });

    it('is given up loudly when the process ends and it still cannot be written', async () => {
      await refresher.close();
      expect(logger.lines.at(-1)).toMatchObject({
        level: 'error',
        message: expect.stringContaining('is lost') as string,
        fields: { hint: expect.stringContaining('mailbearer get-token corp') as string },
      });
      await clear();
    });

    it('does not overwrite a sign-in that comes before it is written', async () => {
      await clear();
      await writeTokenFile(path, clock, 3600, { access_token: 'signed-in', refresh_token: 'R9' });
      await refresher.storeChanged();
      expect(await onDisk()).toMatchObject({ refresh_token: 'R9' });
      expect(await token()).toBe('signed-in');
    });
  });
});

describe('a new sign-in', () => {
  it('is not overwritten by an answer that comes late', async () => {
    await start(0);
    const { promise, resolve } = deferred();
    answers = [promise];
    const waiting = token();
    await isAsked(1);
    await writeTokenFile(path, clock, 3600, { access_token: 'signed-in', refresh_token: 'R9' });
    resolve(refreshedOutcome(1));
    expect(await waiting).toBe('signed-in');
    expect(await onDisk()).toMatchObject({ refresh_token: 'R9', access_token: 'signed-in' });
  });

  it('without an access token of its own is refreshed at once', async () => {
    await start(0);
    const { promise, resolve } = deferred();
    answers = [promise, refreshedOutcome(2)];
    const waiting = token();
    await isAsked(1);
    await writeTokenFile(path, clock, 0, { refresh_token: 'R9' });
    resolve(refreshedOutcome(1));
    expect(await waiting).toBe('access-2');
    expect(asked).toEqual(['refresh-0', 'R9']);
  });

  it('lifts a dead grant at once', async () => {
    await start(0);
    answers = [dead];
    await expect(token()).rejects.toMatchObject({ code: 'grant-dead' });
    const options = { overwrite: true, clock, random: Math.random };
    await createTokenFile(path, { refresh_token: new Secret('R9') }, options);
    answers = [refreshedOutcome(1)];
    await refresher.storeChanged();
    expect(await token()).toBe('access-1');
    expect(asked).toEqual(['refresh-0', 'R9']);
  });

  it('is told from a touch of the same file, which lifts nothing', async () => {
    await start(0);
    answers = [dead];
    await expect(token()).rejects.toMatchObject({ code: 'grant-dead' });
    await writeFile(path, await readFile(path));
    await refresher.storeChanged();
    await expect(token()).rejects.toMatchObject({ code: 'grant-dead' });
    expect(asked).toHaveLength(1);
  });
});

describe('a token that the server refused', () => {
  async function renewed(): Promise<string | undefined> {
    const another = await refresher.renew(await refresher.accessToken());
    return another?.secret.reveal();
  }

  it('is replaced by a refreshed one', async () => {
    await start(3600);
    clock.leap(61_000);
    answers = [refreshedOutcome(1)];
    expect(await renewed()).toBe('access-1');
    expect(await token()).toBe('access-1');
  });

  it('is still used when it cannot be refreshed: the refusal proves nothing', async () => {
    await start(3600);
    clock.leap(61_000);
    expect(await renewed()).toBeUndefined();
    expect(asked).toHaveLength(1);
    expect(await token()).toBe('access-0');
  });

  it('is not refreshed within a minute of its making', async () => {
    await start(3600);
    clock.leap(50_000);
    expect(await renewed()).toBeUndefined();
    expect(asked).toEqual([]);
  });

  it('is refreshed where the clock was put back to before its making', async () => {
    await start(3600);
    clock.leap(-7_200_000);
    answers = [refreshedOutcome(1)];
    expect(await renewed()).toBe('access-1');
  });

  it('is refreshed once for all who ask, and not while backing off', async () => {
    await start(3600);
    clock.leap(61_000);
    expect(await Promise.all([renewed(), renewed(), renewed()])).toEqual([undefined, undefined, undefined]);
    expect(await renewed()).toBeUndefined();
    expect(asked).toHaveLength(1);
  });

  it('needs no refresh when another has taken its place', async () => {
    await start(3600);
    clock.leap(61_000);
    const another = await refresher.renew({ secret: new Secret('an older one'), expiresAt: clock.now() });
    expect(another?.secret.reveal()).toBe('access-0');
    expect(asked).toEqual([]);
  });
});

describe('the log', () => {
  it('has one line per refresh', async () => {
    await start(0);
    answers = [refreshedOutcome(1)];
    await token();
    expect(logger.lines).toMatchObject([
      {
        level: 'info',
        message: 'token refreshed',
        fields: { account: 'a@b.example', outcome: 'refreshed', lifeSeconds: 3600, rotated: true, ms: 0 },
      },
    ]);
  });

  it('says a trouble once while it lasts, and again when it is another', async () => {
    await start(0);
    answers = [down, down, dead];
    await expect(token()).rejects.toMatchObject({ code: 'refresh-transient' });
    for (const [waitMs, times] of [
      [5_000, 2],
      [10_000, 3],
    ] as const) {
      await clock.advance(waitMs);
      await isAsked(times);
      await idle();
    }
    expect(logger.lines.map(({ level }) => level)).toEqual(['warn', 'debug', 'error']);
  });

  it('says once that an hour was assumed', async () => {
    await start(0);
    const assumed = (number: number) =>
      ({ ...refreshedOutcome(number), lifetimeKnown: false }) as RefreshOutcome;
    answers = [assumed(1), assumed(2)];
    await token();
    clock.leap(3_600_000);
    await token();
    expect(logger.lines.filter(({ message }) => message.includes('an hour is assumed'))).toHaveLength(1);
  });

  it('defect 5: holds no token', async () => {
    await start(0, { access_token: 'marker-a', refresh_token: 'marker-r' });
    answers = [down, { ...refreshedOutcome(1), accessToken: new Secret('marker-n') } as RefreshOutcome];
    await expect(token()).rejects.toMatchObject({ code: 'refresh-transient' });
    await clock.advance(5_000);
    await isAsked(2);
    await idle();
    expect(JSON.stringify(logger.lines)).not.toContain('marker');
    expect(logger.lines).toHaveLength(2);
  });
});

describe('closing', () => {
  it('waits for the answer under way, which may be the only valid token', async () => {
    await start(0);
    const { promise, resolve } = deferred();
    answers = [promise];
    const waiting = token();
    await isAsked(1);
    const closed = refresher.close();
    resolve(refreshedOutcome(1));
    await closed;
    expect(await waiting).toBe('access-1');
    expect(await onDisk()).toMatchObject({ refresh_token: 'refresh-1' });
  });

  it('ends all timers', async () => {
    await start(3600);
    await refresher.close();
    expect(clock.nextTimerMs).toBeUndefined();
  });
});

describe('an account that nobody sends with for a year', () => {
  const dayMs = 86_400_000;

  it.each([
    ['lives for ten days', 10],
    ['never ends, so that nothing else asks for another', 3650],
  ])('is kept alive by the schedule where its access token %s', async (_what, lifeDays) => {
    const idleDays = 90;
    const begun = clock.now();
    const refreshedAt = [begun];
    await start(lifeDays * 86_400, {}, { provider: { ...unknownProvider, signInLife: { idleDays } } });
    while (clock.now() < begun + 365 * dayMs) {
      // What a server that keeps the rule would answer.
      const alive = clock.now() - refreshedAt.at(-1)! < idleDays * dayMs;
      answers = [alive ? refreshedOutcome(asked.length, lifeDays * 86_400) : dead];
      const before = asked.length;
      // A refresh writes files in real time, for which the clock stands still.
      clock.leap(Math.min(refresher.status().nextAttemptAt! - clock.now(), dayMs));
      await clock.advance(0);
      await idle();
      if (asked.length > before) refreshedAt.push(clock.now());
    }
    const gaps = refreshedAt.slice(1).map((at, index) => (at - refreshedAt[index]!) / dayMs);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(idleDays / 2 + 1);
    expect(asked.length).toBeGreaterThanOrEqual(8);
    expect(refresher.status()).toMatchObject({ state: 'holding', problem: undefined });
  });
});
