// @ts-check
/**
 * `npm run pictures`: the pictures of the status page in docs/, of the real page with the demo's accounts. One of them
 * has been signed out, one is in the middle of a message. Needs Chromium.
 */
import { once } from 'node:events';
import { readFile, utimes, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { getToken, startRelay } from './chapters.js';
import { compose, submit } from './messages.js';
import { configFile, people, startServers } from './servers.js';
import { perform } from './stage.js';

/** @typedef {import('./stage.js').Stage} Stage */

const tokenSeconds = 3600;
const [alice, bob, office] = people;
const viewport = { width: 760, height: 1148 };

process.exitCode = await perform(async (stage) => {
  const { story, start } = stage;
  story.step('Sign three accounts in, and end one of the sign-ins at the provider');
  const { provider } = await startServers(stage, tokenSeconds);
  await getToken(stage, office);
  await provider.endSessions();
  await getToken(stage, alice);
  await getToken(stage, bob);
  await grow(stage, alice, 600);
  await grow(stage, bob, 1500);
  await grow(stage, office, tokenSeconds);

  story.step('Send messages');
  const { port } = await startRelay(stage);
  for (const [from, to] of /** @type {const} */ ([
    [alice, bob],
    [bob, alice],
    [alice, bob],
  ]))
    await submit(port, { from, to, content: compose({ from, to, subject: 'Hello' }) });
  const deferred = {
    from: office,
    to: alice,
    content: compose({ from: office, to: alice, subject: 'Hello' }),
  };
  await submit(port, deferred).catch(() => undefined);
  await beginMessage(stage, port);

  story.step('Take the pictures');
  const args = ['dashboard', '--config-file', configFile];
  const browser = stage.add(
    // Root may not use Chromium's sandbox, and all pages are ours.
    await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] }),
  );
  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    const url = await start(...args).until((output) => /^http:\S+$/m.exec(output)?.[0]);
    const page = await browser.newPage({ colorScheme, viewport });
    await page.goto(url);
    await page.locator('[data-live=on]').waitFor();
    const path = fileURLToPath(new URL(`../../docs/status-page-${colorScheme}.png`, import.meta.url));
    await page.screenshot({ path });
    story.ok(path);
  }
});

/**
 * Makes a token older than it is.
 *
 * @param {Stage} stage
 * @param {string} login
 * @param {number} seconds
 */
async function grow({ directory }, login, seconds) {
  const path = join(directory, 'tokens', login);
  const fields = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...fields, expiry: String(Number(fields.expiry) - seconds) }));
  const writtenAt = Date.now() / 1000 - seconds;
  await utimes(path, writtenAt, writtenAt);
}

/**
 * A client that has named its sender and goes no further.
 *
 * @param {Stage} stage
 * @param {number} port
 */
async function beginMessage({ add }, port) {
  const client = connect(port, '127.0.0.1');
  add({
    close: async () => {
      client.destroy();
    },
  });
  for (const line of ['', 'EHLO app.example.test\r\n', `MAIL FROM:<${alice}>\r\n`]) {
    client.write(line);
    await once(client, 'data');
  }
}
