/** Tokens of other programs, which are shells here. */
import { execFileSync } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestGrant } from '../../src/oauth/grant.js';
import { temporaryDirectory, type TemporaryDirectory } from '../support/process.js';
import { oauthClient } from '../support/token-endpoint.js';
import { VirtualClock } from '../support/virtual-clock.js';

let directory: TemporaryDirectory;
beforeAll(async () => {
  directory = await temporaryDirectory();
});
afterAll(() => directory.remove());

describe('a token from a command', () => {
  const ask = (command: string | readonly string[]) =>
    requestGrant(oauthClient(new URL('http://127.0.0.1:1/')), { kind: 'command', command });
  const life = async (command: string) => {
    const outcome = await ask(command);
    return outcome.kind === 'refreshed' ? outcome.expiresInSeconds : outcome;
  };

  it('is the line that it prints, by the shell or by itself', async () => {
    for (const command of ["printf 'ya29.x\\n'", ['printf', 'ya29.x']] as const) {
      const outcome = await ask(command);
      expect(outcome.kind === 'refreshed' && outcome.accessToken.reveal()).toBe('ya29.x');
    }
  });

  it('that says nothing of its life is asked for again after five minutes', async () => {
    expect(await life('echo a')).toBe(300);
    expect(await life(`echo '{"access_token":"a","expires_in":100}'`)).toBe(100);
  });

  it('that has expired already is none', async () => {
    const past = new Date(Date.now() - 600_000).toISOString();
    expect(await ask(`echo '{"access_token":"a","expiry":"${past}"}'`)).toMatchObject({
      kind: 'transient',
      reason: expect.stringMatching(/^token_command printed a token that expired 10m(\d+s)? ago$/) as string,
    });
  });

  it('that takes too long is given up, with all that the command has started', async () => {
    const pipe = join(directory.path, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const clock = new VirtualClock();
    // The shell's child holds the pipe open, and its end is the end of the pipe.
    const command = `sleep 600 > ${pipe} & wait`;
    const outcome = requestGrant(
      oauthClient(new URL('http://127.0.0.1:1/')),
      { kind: 'command', command },
      { clock },
    );
    const reader = await open(pipe, 'r');
    await clock.advance(30_000);
    expect(await reader.readFile('utf8')).toBe('');
    await reader.close();
    expect(await outcome).toMatchObject({ reason: 'token_command was not done within 30 s' });
  });

  it('that does not come is told with how the program ended and its first words, never what it printed', async () => {
    expect(await ask('echo secret; echo not signed in >&2; exit 3')).toEqual({
      kind: 'transient',
      reason: 'token_command ended with status 3: not signed in',
      retryAfterSeconds: undefined,
    });
    expect(await ask('echo two words')).toMatchObject({ reason: 'token_command printed no token' });
    expect(await ask('kill -9 $$')).toMatchObject({ reason: 'token_command was ended by SIGKILL' });
    expect(await ask(['/nowhere/program'])).toMatchObject({ kind: 'misconfigured' });
  });
});
