/** A roster whose files another one follows: no token on its way is lost, and whoever has its accounts goes on. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/parse.js';
import type { RefreshOutcome } from '../../src/oauth/outcome.js';
import { openRoster, type Roster } from '../../src/refresh/roster.js';
import { Teardown, temporaryDirectory } from '../support/process.js';
import { recordingLogger } from '../support/recording-logger.js';
import { refreshedOutcome, writeTokenFile } from '../support/token-files.js';
import { VirtualClock } from '../support/virtual-clock.js';

const user = 'a@example.org';
const teardown = new Teardown();
let directory: string;
let clock: VirtualClock;
let answers: ((outcome: RefreshOutcome) => void)[];

beforeEach(async () => {
  const { path, remove } = await temporaryDirectory();
  teardown.defer(remove);
  directory = join(path, 'tokens');
  await mkdir(directory);
  clock = new VirtualClock();
  answers = [];
});
afterEach(() => teardown.run());

async function open(lifeSeconds: number): Promise<Roster> {
  await writeTokenFile(join(directory, user), clock, lifeSeconds);
  const settings = { token_dir: directory, client_id: 'id', accounts: { [user]: { provider: 'gmail' } } };
  const roster = await openRoster({
    config: parseConfig(settings, undefined).config,
    tokenDirectories: [directory],
    saslPasswd: new Map(),
    clock,
    random: () => 0.5,
    logger: recordingLogger(),
    requestGrant: () => Promise.reject(new Error('no grant is asked for here')),
    requestRefresh: () => new Promise((resolve) => answers.push(resolve)),
  });
  teardown.defer(() => roster.close());
  return roster;
}

function tokenOf(roster: Roster): Promise<string> {
  const found = roster.lookup(user);
  if (found.kind !== 'usable') throw new Error(`the account is ${found.kind}`);
  return found.live.tokens.accessToken().then(({ secret }) => secret.reveal());
}

describe('a roster that rests', () => {
  it('has come to rest when the answer that was under way is written, and not before', async () => {
    const roster = await open(-1);
    const token = tokenOf(roster);
    await expect.poll(() => answers.length).toBe(1);
    let isResting = false;
    const rest = roster.rest().then(() => (isResting = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isResting).toBe(false);
    answers[0]!(refreshedOutcome(1));
    await rest;
    expect(await readFile(join(directory, user), 'utf8')).toContain('refresh-1');
    expect(await token).toBe('access-1');
  });

  it('refreshes for who asks, and for nobody else', async () => {
    const roster = await open(3600);
    await roster.rest();
    clock.leap(3_700_000);
    await clock.advance(400_000);
    expect(answers).toEqual([]);
    const token = tokenOf(roster);
    await expect.poll(() => answers.length).toBe(1);
    answers[0]!(refreshedOutcome(2));
    expect(await token).toBe('access-2');
  });
});
