import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { signIn } from '../../examples/demo/openid-provider.js';
import { exitStatus } from '../../src/core/errors.js';
import { type Talk, type Finished, hasTerminals, startOnTerminal } from '../support/run-binary.js';
import type { HereOptions } from '../support/run-here.js';
import { login, openWorkplace, type Workplace } from './workplace.js';

/** With what a form must encode. */
const secret = 'S3cret+ & = % marker';

let place: Workplace;
beforeEach(async () => {
  place = await openWorkplace({ clientSecret: secret });
});
afterEach(() => place.close());

async function signInAt(command: Talk): Promise<Finished> {
  const [url] = await command.says(/http:\/\/[\w.:]+\/authorize\?[\w.~%&=+-]+/);
  await signIn(url, { login });
  return command.finished;
}

function getToken(flags: readonly string[], options?: HereOptions): Promise<Finished> {
  return signInAt(place.start(['get-token', 'gmail', place.tokenFile, ...flags], options));
}

describe('the client secret', () => {
  test('comes from a flag, which warns that others can see it', async () => {
    const { status, stderr } = await getToken(['--client-secret', secret]);
    expect(status).toBe(exitStatus.ok);
    expect(stderr).toMatch(/^warning: .*process list/m);
    expect(stderr).not.toContain(secret);
    expect(await place.readToken()).toMatchObject({ client_secret: secret });
  });

  test('comes from the first line of a file, without a warning', async () => {
    const file = join(place.directory, 'secret');
    await writeFile(file, `${secret}\r\n\n`);
    const { status, stderr } = await getToken(['--client-secret-file', file]);
    expect(status).toBe(exitStatus.ok);
    expect(stderr).not.toContain('warning');
    expect(await place.readToken()).toMatchObject({ client_secret: secret });
  });

  test('comes from the environment', async () => {
    const { status } = await getToken([], { env: { MAILBEARER_CLIENT_SECRET: secret } });
    expect(status).toBe(exitStatus.ok);
    expect(await place.readToken()).toMatchObject({ client_secret: secret });
  });

  test('of the configuration is used, and not written a second time', async () => {
    await place.configure({ client_secret: secret });
    expect((await getToken([])).status).toBe(exitStatus.ok);
    expect(await place.readToken()).not.toHaveProperty('client_secret');
  });

  test('of the configuration is not sent for another client', async () => {
    await place.configure({ client_id: 'another client', client_secret: 'of another client' });
    const { status, stderr } = await getToken(['--client-id', place.provider.clientId]);
    expect(status).toBe(exitStatus.config);
    expect(stderr).toMatch(/invalid_client.*\nhint: /);
  });

  test('is told to be missing by the provider, and no file is written', async () => {
    const { status, stderr } = await getToken([]);
    expect(status).toBe(exitStatus.config);
    expect(stderr).toMatch(/invalid_client.*\nhint: /);
    await expect(place.readToken()).rejects.toThrow('ENOENT');
  });

  test.each([
    ['missing', 'ENOENT'],
    ['empty', 'holds no client secret'],
  ])('cannot come from a file that is %s', async (name, reason) => {
    const file = join(place.directory, name);
    if (name === 'empty') await writeFile(file, '\n');
    const args = ['get-token', 'gmail', place.tokenFile, '--client-secret-file', file];
    const { status, stderr } = await place.run(args);
    expect(status).toBe(exitStatus.config);
    expect(stderr).toMatch(new RegExp(`${file}.*${reason}.*\nhint: `));
  });
});

describe.skipIf(!hasTerminals)('on a terminal', () => {
  const start = () =>
    startOnTerminal(['get-token', 'gmail', place.tokenFile], {
      env: { MAILBEARER_CONFIG: place.configFile },
    });

  test('the secret is asked for and never shown, whatever keys are used', async () => {
    const command = start();
    await command.says(/Client secret .*: /);
    command.press('wrong\x15');
    command.press(`${secret}X`);
    command.press('\x7f\r');
    const { status, stdout } = await signInAt(command);
    expect(status).toBe(exitStatus.ok);
    expect(stdout).not.toContain('marker');
    expect(await place.readToken()).toMatchObject({ client_secret: secret });
  });

  test('Ctrl-C at the question ends the command with 130 and shows nothing of the answer', async () => {
    const command = start();
    await command.says(/Client secret .*: /);
    command.press('half a secret\x03');
    const { status, stdout } = await command.finished;
    expect(status).toBe(130);
    expect(stdout).toContain('interrupted');
    expect(stdout).not.toContain('half');
  });

  test('Ctrl-C while it waits for the browser does the same', async () => {
    const command = start();
    await command.says(/Client secret .*: /);
    command.press(`${secret}\r`);
    await command.says(/Ctrl-C gives up/);
    command.press('\x03');
    expect((await command.finished).status).toBe(130);
  });

  test('there is colour, unless NO_COLOR says otherwise', async () => {
    await writeFile(place.configFile, 'no JSON');
    const env = { MAILBEARER_CONFIG: place.configFile };
    const colourful = await startOnTerminal(['get-token', 'gmail'], { env }).finished;
    expect(colourful.stdout).toContain('\x1b[31mmailbearer:\x1b[0m');
    const plain = await startOnTerminal(['get-token', 'gmail'], { env: { ...env, NO_COLOR: '1' } }).finished;
    expect(plain.stdout).toContain('mailbearer:');
    expect(plain.stdout).not.toContain('\x1b[');
  });
});
