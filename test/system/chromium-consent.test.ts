/** A person signs in with a real browser: from the address that `get-token` prints to the page that ends it. */
import { stat } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { login, openWorkplace, type Workplace } from '../cli/workplace.js';
import { exitStatus } from '../../src/core/errors.js';
import { useChromium } from '../support/chromium.js';
import { programsMissing } from './requirements.js';

describe.skipIf(programsMissing('chromium'))('a person with Chromium', () => {
  const browser = useChromium();
  let place: Workplace;
  beforeEach(async () => {
    place = await openWorkplace();
  });
  afterEach(() => place.close());

  /** Opens the address that the command prints, and types one's own. */
  async function signIn(command: ReturnType<Workplace['start']>) {
    const [url] = await command.says(/^http:\/\/\S+\/authorize\S+$/m);
    const page = await browser().newPage();
    const visited: string[] = [];
    page.on('request', (request) => visited.push(new URL(request.url()).hostname));
    await page.goto(url);
    await page.getByLabel('Address').fill(login);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText(`Allow ${place.provider.clientId} to use`).waitFor();
    return { page, visited };
  }

  it.each(['gmail', 'outlook'])('consents for %s, and the token file is written', async (provider) => {
    const command = place.start(['get-token', provider, place.tokenFile]);
    const { page, visited } = await signIn(command);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('heading', { name: 'Signed in' }).waitFor();
    expect(await page.title()).toBe('mailbearer: Signed in');
    expect(await page.textContent('body')).toContain('You can close this page.');
    await page.close();

    expect((await command.finished).status).toBe(exitStatus.ok);
    expect(await place.readToken()).toHaveProperty('refresh_token');
    expect((await stat(place.tokenFile)).mode & 0o777).toBe(0o600);
    expect(visited.filter((host) => host !== '127.0.0.1' && host !== 'localhost')).toEqual([]);
  });

  it('says no, reads why nothing was written, and so does the terminal', async () => {
    const command = place.start(['get-token', 'gmail', place.tokenFile]);
    const { page } = await signIn(command);
    await page.getByRole('button', { name: 'No' }).click();
    await page.getByRole('heading', { name: 'The sign-in failed' }).waitFor();
    expect(await page.textContent('body')).toContain('access_denied');
    await page.close();
    const { status, stderr } = await command.finished;
    expect(status).toBe(exitStatus.noPermission);
    expect(stderr).toContain('access_denied');
    await expect(place.readToken()).rejects.toThrow('ENOENT');
  });
});
