/** A person looks at the status page with a real browser: with and without JavaScript, on a phone, in the dark. */
import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import type { BrowserContextOptions } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.js';
import { useChromium } from '../support/chromium.js';
import { submit } from '../relay/scene.js';
import { greetedClient } from '../support/relay-under-test.js';
import { runBinary } from '../support/run-binary.js';
import { ask, keyOf, type Shown, shownDaemon } from '../status/daemon.js';
import { eventually } from '../support/process.js';
import { writeTokenFile } from '../support/token-files.js';
import { programsMissing } from './requirements.js';

/** By the command, as a person gets it. */
async function dashboardUrl({ configuration, directory, where }: Shown): Promise<string> {
  const configFile = join(directory, 'config.json');
  await writeFile(configFile, JSON.stringify({ ...configuration, status: { listen: where } }));
  const { status, stderr, stdout } = await runBinary(['dashboard', '--config-file', configFile]);
  expect([status, stdout, stderr]).toEqual([
    0,
    expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/enter\?ticket=[\w-]{43}\n$/),
    expect.stringContaining('ssh -L'),
  ]);
  return stdout.trim();
}

describe.skipIf(programsMissing('chromium'))('a person with Chromium', () => {
  const browser = useChromium();

  async function open(daemon: Shown, options: BrowserContextOptions = {}) {
    const context = await browser().newContext(options);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    const visited = new Set<string>();
    page.on('request', (request) => visited.add(new URL(request.url()).host));
    await page.goto(await dashboardUrl(daemon));
    return { complaints, context, page, visited };
  }

  it('sees what happens while it happens, and nothing is loaded from elsewhere', async () => {
    const daemon = await shownDaemon({ senders: ['a@example.org'] });
    const { complaints, context, page, visited } = await open(daemon);
    await page.getByText('None since the start.').waitFor();
    await submit(await greetedClient(daemon.port));
    await page.getByText('250 2.0.0 Ok: queued').waitFor();
    await page.getByText('1 sent', { exact: true }).waitFor();
    await page.getByRole('img', { name: /token of a@b\.example: \d+ min left/ }).waitFor();
    await page.getByRole('img', { name: '1 messages sent in the last hour, at most 1 a minute' }).waitFor();
    expect([...visited]).toEqual([daemon.where]);
    expect(complaints).toEqual([]);
    const [cookie] = await context.cookies();
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
    expect(await page.evaluate('document.cookie')).toBe('');
  });

  it('reads it without JavaScript, on a phone and in the dark', async () => {
    const daemon = await shownDaemon({ senders: ['a@example.org'] });
    await submit(await greetedClient(daemon.port));
    const { page } = await open(daemon, {
      javaScriptEnabled: false,
      viewport: { width: 360, height: 740 },
      colorScheme: 'dark',
    });
    await page.getByRole('heading', { name: 'a@b.example' }).waitFor();
    await page.getByText('250 2.0.0 Ok: queued').waitFor();
    const expectToFit = async () => {
      const body = await page.locator('body').boundingBox();
      const widest = await page
        .locator('body *')
        .evaluateAll((all) => Math.max(...all.map((element) => element.getBoundingClientRect().right)));
      expect(body?.width).toBeLessThanOrEqual(360);
      expect(widest).toBeLessThanOrEqual(360);
    };
    await expectToFit();
    await page.goto(`http://${daemon.where}/?q=B.EX`);
    await page.getByLabel('State').selectOption('needs-sign-in');
    await expectToFit();
    await page.getByRole('button', { name: 'Show' }).click();
    await page.getByText('None of 1 account matches.').waitFor();
    expect(await page.getByLabel('Name contains').inputValue()).toBe('b.ex');
    await page.getByRole('link', { name: 'all accounts' }).click();
    await page.getByRole('heading', { name: 'a@b.example' }).waitFor();
  });

  it('looks for some of many accounts, and sees what becomes of these', async () => {
    const daemon = await shownDaemon();
    const fileOf = (number: number) => join(daemon.directory, 'tokens', `u${number}@b.example`);
    for (let number = 0; number < 60; number++) await writeTokenFile(fileOf(number), systemClock, 3600);
    await eventually('all to be known', async () => {
      const { body } = await ask(daemon.where, '/', { headers: await keyOf(daemon) });
      return body.includes('61 accounts: ') || undefined;
    });
    const { complaints, page } = await open(daemon);
    await page.getByText('1 to 50 of 61.').waitFor();
    await page.getByRole('link', { name: 'Next' }).click();
    await page.getByText('51 to 61 of 61.').waitFor();
    await page.getByLabel('Name contains').fill('u5');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.getByText('1 to 11 of 11 that match.').waitFor();
    await page.locator('[data-live=on]').waitFor();
    await writeFile(fileOf(57), 'no token');
    await page.locator('section', { hasText: 'u57@b.example' }).getByText('cannot be used').waitFor();
    expect(await page.locator('section').count()).toBe(11);
    expect(complaints).toEqual([]);
  });

  it('is told when the page is no longer live', async () => {
    const daemon = await shownDaemon();
    const { page } = await open(daemon);
    await page.locator('[data-live=on]').waitFor();
    await daemon.close();
    await page.locator('[data-live=lost]').waitFor();
  });

  it('gets nothing from a page of another site that asks in its place', async () => {
    const daemon = await shownDaemon();
    const { context } = await open(daemon);
    const other = await context.newPage();
    // Another site by name, the same machine by address.
    await context.route('http://attacker.example/**', (route) =>
      route.fulfill({ contentType: 'text/html', body: '<title>attacker</title>' }),
    );
    await other.goto('http://attacker.example/');
    const read = (path: string) =>
      other.evaluate(
        (url) =>
          fetch(url, { credentials: 'include' }).then(
            (response) => response.text(),
            () => 'blocked',
          ),
        `http://${daemon.where}${path}`,
      );
    expect(await read('/status.json')).toBe('blocked');
    expect(await read('/metrics')).toBe('blocked');
  });
});
