// @ts-check
/**
 * What happens in the demo, step by step; main.js has the order. Each function does one thing with the real
 * command line, checks that it worked (it throws when not), and tells or gives back what there is to see.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readDialogue, readLog } from './dialogue.js';
import { compose, submit } from './messages.js';
import { signIn } from './openid-provider.js';
import { accessTokenSeconds, configFile, people } from './servers.js';
import { introspect } from './submission-server.js';
import { compare, expiresAt, readTokenFile, shorten, show } from './token-file.js';

/** @typedef {import('./stage.js').Stage} Stage */
/** @typedef {import('./servers.js').Servers} Servers */
/** @typedef {import('./token-file.js').TokenFields} TokenFields */
/** @typedef {Awaited<ReturnType<typeof startRelay>>} Relay */

const [alice, bob] = people;
/** Relative to the stage's directory, where the commands run. @param {string} login */
const tokenFileOf = (login) => `tokens/${login}`;
const tokenFile = tokenFileOf(alice);

/**
 * The authorization code flow by `get-token`.
 *
 * @param {Stage} stage
 * @param {string} [login]
 * @returns {Promise<TokenFields>} What is in the file then.
 */
export async function getToken({ story, directory, start }, login = alice) {
  const file = tokenFileOf(login);
  const args = ['get-token', 'demo', file, '--config-file', configFile];
  story.command(`mailbearer ${args.join(' ')}`);
  const command = start(...args);
  const page = await command.until((output) => /^http:\/\/\S+\/authorize\S+$/m.exec(output)?.[0]);
  story.say('It names a page to open in a browser. A program plays the person who does so,');
  story.say(`signs in as ${login} and agrees. Then there is a token file:`);
  const arrival = await signIn(page, { login });
  if (arrival.status !== 200) throw new Error(`the sign-in ended at a page with status ${arrival.status}`);
  const status = await command.exited();
  if (status !== 0) throw new Error(`${command.name} ended with status ${status}`);

  const path = join(directory, file);
  const fields = await readTokenFile(path);
  story.say();
  const mode = (await stat(path)).mode & 0o777;
  story.say(`${file} (mode 0${mode.toString(8)}, the format of sasl-xoauth2)`);
  story.say(show(fields));
  return fields;
}

/** @param {Stage} stage */
export async function startRelay({ story, start }) {
  const args = ['serve', '--config-file', configFile];
  story.command(`mailbearer ${args.join(' ')}`);
  // It is no terminal that the log goes to, so it is JSON.
  const program = start(...args);
  const log = () => readLog(program.output());
  await program.until(() => log().find(({ msg }) => msg === 'ready'));
  const port = log().find(({ msg }) => msg === 'listening')?.port;
  if (port === undefined) throw new Error(`${program.name} does not say where it listens`);
  story.say(`It takes mail on 127.0.0.1:${port} and has found the token file.`);
  return { program, log, port };
}

/**
 * Submits a message to the relay and compares what the submission server got.
 *
 * @param {Servers} servers
 * @param {Relay} relay
 * @param {string} subject
 */
export async function submitMessage({ submission }, { program, log, port }, subject) {
  const content = compose({ from: alice, to: bob, subject });
  const alreadyLogged = log().length;
  await submit(port, { from: alice, to: bob, content });
  const logged = () => log().slice(alreadyLogged);
  // The reply to the message is the last thing said about it.
  await program.until(() => {
    const sent = logged().findIndex(({ msg }) => msg === 'message sent');
    return logged()
      .slice(sent)
      .find(({ msg, session }) => sent >= 0 && session && msg.startsWith('S: '));
  });

  const received = submission.messages.at(-1);
  if (received === undefined) throw new Error('the message did not reach the submission server');
  if (!content.equals(received.content)) {
    const at = content.findIndex((octet, index) => octet !== received.content[index]);
    const where = at < 0 ? `after ${content.length} octets there are more` : `octet ${at} differs`;
    throw new Error(`the message did not arrive byte for byte: ${where}`);
  }
  const { accessToken } = received;
  return {
    accessToken,
    dialogue: readDialogue(logged()),
    verdict: `${content.length} octets arrived byte for byte, with token ${shorten(accessToken)}`,
  };
}

/**
 * Waits until the file has another token than the one that was used.
 *
 * @param {Stage} stage
 * @param {TokenFields} before
 * @param {string} usedToken
 */
export async function awaitRefresh({ story, directory }, before, usedToken) {
  const halfLifeMs = (accessTokenSeconds * 1000) / 2;
  const expected = { waitingFor: 'the refresh', expectedAt: expiresAt(before) - halfLifeMs };
  const after = await story.countdown(expected, async () => {
    const fields = await readTokenFile(join(directory, tokenFile));
    return fields['access_token'] === usedToken ? undefined : fields;
  });
  const { rows, unchanged } = compare(before, after);
  story.say(tokenFile);
  story.table(rows);
  story.say(`unchanged: ${unchanged.join(', ')}`);
}

/**
 * Waits until the provider no longer knows a token.
 *
 * @param {Stage} stage
 * @param {Servers} servers
 * @param {TokenFields} before
 * @param {string} usedToken
 */
export async function awaitExpiry({ story }, { provider }, before, usedToken) {
  const expected = { waitingFor: 'the first token to expire', expectedAt: expiresAt(before) };
  await story.countdown(expected, async () => {
    const { active } = await introspect(provider, usedToken);
    return active ? undefined : true;
  });
  story.say(`Token ${shorten(usedToken)} no longer works: the provider says that it is not active.`);
}

/**
 * Says what can be tried, and tells of each message that arrives, until Ctrl-C.
 *
 * @param {Stage} stage
 * @param {Servers} servers
 * @param {Relay} relay
 */
export async function keepRunning({ story, directory, keep }, { submission }, { port }) {
  const config = `--config-file ${join(directory, configFile)}`;
  story.say('All of it runs on until Ctrl-C. In another terminal, in this directory:');
  story.say();
  for (const command of [
    "printf 'Subject: hello\\n\\nIt works.\\n' | curl --crlf --upload-file - \\",
    `    --url smtp://127.0.0.1:${port} --mail-from ${alice} --mail-rcpt ${bob}`,
    `node bin/mailbearer.js status ${config}`,
    `node bin/mailbearer.js token ${alice} ${config}`,
    `node bin/mailbearer.js dashboard ${config}   # a URL for your browser`,
    `node bin/mailbearer.js status --watch ${config}`,
  ])
    story.say(command);
  story.say();
  story.say(`The tokens are in ${join(directory, 'tokens')}: move one away, and see`);
  story.say('what the relay answers then. On the page, "Authorize again" signs in at the');
  story.say(`provider of this demo; it has no passwords. As ${bob}, too, which is refused.`);
  story.say();
  let told = submission.messages.length;
  await keep(() => {
    for (const { content, accessToken } of submission.messages.slice(told))
      story.ok(`${content.length} octets arrived, with token ${shorten(accessToken)}`);
    told = submission.messages.length;
  });
}
