// @ts-check
/**
 * `npm run demo`: mailbearer's main job, on this machine alone and without an account anywhere. What is shown
 * really happens, by the real command line, against an OpenID provider and a submission server in this process.
 * Exits with 0 only if both messages arrived byte for byte.
 *
 * --keep                         go on until Ctrl-C, for whoever wants to try things
 * MAILBEARER_DEMO_DIRECTORY=DIR  work in DIR, which must not exist, and leave the files there to be looked at
 * MAILBEARER_DEMO_CORRUPT=1      let the submission server change an octet, which the demo must notice
 */
import { parseArgs } from 'node:util';
import { awaitExpiry, awaitRefresh, getToken, keepRunning, startRelay, submitMessage } from './chapters.js';
import { accessTokenSeconds, startServers } from './servers.js';
import { difficulties } from './messages.js';
import { perform } from './stage.js';
import { whatNext } from './what-next.js';

const { values } = parseArgs({ options: { keep: { type: 'boolean', default: false } } });

process.exitCode = await perform(async (stage) => {
  const { story } = stage;
  story.title('mailbearer keeps OAuth tokens fresh and submits mail with them.');

  story.step('Start what stands in for Google or Microsoft');
  const servers = await startServers(stage);
  story.table([
    ['OpenID provider', servers.provider.issuer, `tokens that live ${accessTokenSeconds} s, not an hour`],
    ['submission server', `localhost:${servers.submission.port}`, 'STARTTLS, then XOAUTH2'],
  ]);

  story.step('Sign in, once');
  const signedIn = await getToken(stage);

  story.step('Start the relay');
  const relay = await startRelay(stage);

  story.step('Submit a message by plain SMTP, as Postfix would: no password, no token');
  const first = await submitMessage(servers, relay, 'The first');
  story.say(`The message has ${difficulties}.`);
  story.say('This is how serve logs its way through ("log_level": "trace"):');
  story.say();
  story.dialogue(first.dialogue);
  story.say();
  story.ok(first.verdict);

  story.step('Do nothing: the tokens are refreshed in the background, before they expire');
  await awaitRefresh(stage, signedIn, first.accessToken);
  story.say('This provider takes a refresh token once, so the new one was on disk before');
  story.say('anything else happened.');

  story.step('Submit another message, when the first token has expired');
  await awaitExpiry(stage, servers, signedIn, first.accessToken);
  const second = await submitMessage(servers, relay, 'The second');
  if (second.accessToken === first.accessToken) throw new Error('the second message used the first token');
  story.ok(second.verdict);

  story.step('Your turn');
  if (values.keep) await keepRunning(stage, servers, relay);
  else story.say(whatNext);
});
