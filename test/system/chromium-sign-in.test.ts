/** A person signs an account in from the status page with a real browser, and others try to get in between. */
import { readFile } from 'node:fs/promises';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { useChromium } from '../support/chromium.js';
import { eventually } from '../support/process.js';
import { ask, keyOf } from '../status/daemon.js';
import { accountOf, alice, bob, type SignInScene, signInScene } from '../status/sign-in-scene.js';
import { programsMissing } from './requirements.js';

describe.skipIf(programsMissing('chromium'))('a person with Chromium', () => {
  const browser = useChromium();

  /** By a URL as `mailbearer dashboard` prints it. */
  async function openPage(scene: SignInScene, options: BrowserContextOptions = {}) {
    const context = await browser().newContext(options);
    const page = await context.newPage();
    const { body } = await ask(scene.where, '/ticket', { method: 'POST', headers: await keyOf(scene) });
    const { ticket } = JSON.parse(body) as { ticket: string };
    await page.goto(`http://${scene.where}/enter?ticket=${ticket}`);
    return { context, page };
  }

  /** From the button to the question of the provider whether it may. */
  async function authorize(page: Page, login = alice) {
    await page.getByRole('button', { name: 'Authorize again' }).click();
    await page.getByLabel('Address').fill(login);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('Allow mailbearer-demo to use').waitFor();
  }

  const agree = (page: Page) => page.getByRole('button', { name: 'Continue' }).click();

  it.each(['gmail', 'outlook'] as const)(
    'signs in for %s without JavaScript, and comes back to a page that shows it',
    async (preset) => {
      const scene = await signInScene(preset);
      await eventually('the sign-in has ended', async () =>
        (await accountOf(scene)).problem === null ? undefined : true,
      );
      const { page } = await openPage(scene, { javaScriptEnabled: false });
      await page.getByText('the last refresh failed').waitFor();
      await authorize(page);
      await agree(page);
      await page.getByRole('heading', { name: 'Signed in' }).waitFor();
      expect(new URL(page.url()).hostname).toBe(preset === 'gmail' ? '127.0.0.1' : 'localhost');
      await page.getByRole('link', { name: 'Back to the status page' }).click();
      await page.getByText('fresh', { exact: true }).waitFor();
      expect(page.url()).toBe(`http://${scene.where}/`);
    },
  );

  it('signs in from the page as events renew it, by the keyboard', async () => {
    const scene = await signInScene();
    const { page } = await openPage(scene);
    await page.locator('[data-live=on]').waitFor();
    await page.getByRole('button', { name: 'Authorize again' }).focus();
    const shown = await page.getByText(/as of/).textContent();
    await eventually('another event', async () =>
      (await page.getByText(/as of/).textContent()) === shown ? undefined : true,
    );
    await page.keyboard.press('Enter');
    await page.getByLabel('Address').fill(alice);
    await agree(page);
    await agree(page);
    await page.getByRole('heading', { name: 'Signed in' }).waitFor();
  });

  it('reads who has signed in when it is somebody else, and nothing is written', async () => {
    const scene = await signInScene();
    const before = await readFile(scene.tokenFile, 'utf8');
    const { page } = await openPage(scene);
    await authorize(page, bob);
    await agree(page);
    await page.getByRole('heading', { name: 'The sign-in failed' }).waitFor();
    await page.getByText(`${bob} has signed in, and the mailbox of the account is ${alice}`).waitFor();
    expect(await readFile(scene.tokenFile, 'utf8')).toBe(before);
  });

  it('keeps the sign-in, which another browser with its answer does not get, and which works once', async () => {
    const scene = await signInScene();
    const { context, page } = await openPage(scene);
    await authorize(page);
    const cookies = (await context.cookies()).filter(({ name }) => name.startsWith('mailbearer'));
    expect(new Set(cookies.map(({ httpOnly, sameSite }) => httpOnly && sameSite))).toEqual(
      new Set(['Strict', 'Lax']),
    );
    // As the browser of somebody to whom the answer is sent.
    await context.clearCookies({ name: /^mailbearer/ });
    await agree(page);
    await page.getByText('This sign-in was begun in another browser').waitFor();
    const answer = page.url();
    expect((await page.goto(answer))?.status()).toBe(403);
    await context.addCookies(cookies);
    expect((await page.goto(answer))?.status()).toBe(200);
    expect((await page.reload())?.status()).toBe(400);
    await page.getByText('it was used, or is too old').waitFor();
  });

  it('is not made to begin one by a form of another site', async () => {
    const scene = await signInScene();
    const { context } = await openPage(scene);
    const other = await context.newPage();
    const form = `<form method="post" action="http://${scene.where}/authorize">
      <input name="account" value="${alice}"><button>Win</button></form>`;
    // Another site, and another port of this machine, which browsers take for the same site.
    for (const origin of ['http://attacker.example', 'http://127.0.0.1:9']) {
      await context.route(`${origin}/**`, (route) => route.fulfill({ contentType: 'text/html', body: form }));
      await other.goto(`${origin}/`);
      const answered = other.waitForResponse((response) => response.url().endsWith('/authorize'));
      await other.getByRole('button', { name: 'Win' }).click();
      expect((await answered).status()).toBe(403);
    }
  });
});
