/**
 * Random client sessions over real sockets to the real relay, in front of an upstream that breaks down and talks
 * nonsense. In the end the relay must be alive, must have kept nothing open, and must have told the truth: each
 * message that was acknowledged was accepted, and each that arrived is as it was sent.
 */
import { unknownProvider } from '../../src/providers/provider.js';
import { startTestRelay, testAccount } from '../../test/support/relay-under-test.js';
import type { Random } from '../random.js';
import { behave, startSink } from '../sink.js';
import { clientDialogues } from './corpus.js';
import { Evidence } from './evidence.js';
import { hurriedClock } from './hurried-clock.js';
import { LiveClient } from './live-client.js';
import { mutate } from './mutate.js';
import { leakedSockets, openSockets } from './sockets.js';
import { composeSubmission, submit } from './submission.js';
import { badMood, type Honesty } from './upstream-mood.js';

export interface ListenerOptions {
  readonly sessions: number;
  readonly honesty: Honesty;
  readonly random: Random;
  /** By performance.now(); no session begins after it. */
  readonly deadlineAt: number;
}

export interface ListenerReport {
  readonly sessions: number;
  /** Submitted correctly. */
  readonly messages: number;
  readonly acknowledged: number;
  readonly faults: readonly string[];
}

const sessionsAtOnce = 16;
const trouble = 0.07;
/** RFC 5321's ten minutes are two seconds. */
const hurry = 300;
const senders = ['a0', 'a1', 'a2', 'a3'].map((name) => `${name}@fuzz.test`);
/** Whose account never had any trouble. */
const cleanSender = 'clean@fuzz.test';

export async function fuzzListener(options: ListenerOptions): Promise<ListenerReport> {
  const { honesty, random, deadlineAt } = options;
  const evidence = new Evidence();
  const before = openSockets();
  const mood = badMood(honesty, trouble, random.fork());
  const sink = await startSink({ mood, onMessage: (message) => evidence.sunk.push(message) });
  const accounts = [...senders, cleanSender].map((name) =>
    testAccount(name, sink.port, { provider: unknownProvider }),
  );
  const relay = await startTestRelay(accounts, {}, hurriedClock(hurry));

  let begun = 0;
  const work = async (random: Random) => {
    while (begun < options.sessions && performance.now() < deadlineAt) {
      const number = ++begun;
      const client = await LiveClient.connect(relay.port);
      if (random.chance(0.5)) await talkSense(client, number, evidence, random);
      else await talkNonsense(client, evidence, random);
      await client.ended();
      evidence.acknowledged.push(...client.acknowledged);
      evidence.faults.push(...client.faults.map((fault) => `session ${number}: ${fault}`));
      evidence.look(relay.log.splice(0));
    }
  };
  await Promise.all(Array.from({ length: sessionsAtOnce }, () => work(random.fork())));

  sink.mood = () => behave;
  await sendCleanly(relay.port, evidence, random);
  const leak = await leakedSockets(before);
  if (leak !== undefined) evidence.faults.push(`${leak}, ${sink.open} of them the upstream's`);
  await relay.close();
  await sink.stop();
  evidence.judge(honesty);
  const submissions = [...evidence.submissions.values()];
  return {
    sessions: begun,
    messages: submissions.length,
    acknowledged: submissions.filter(({ acknowledged }) => acknowledged).length,
    faults: evidence.faults,
  };
}

/** One or more messages, submitted as they should be. */
async function talkSense(
  client: LiveClient,
  number: number,
  evidence: Evidence,
  random: Random,
): Promise<void> {
  if ((await client.reply()) === undefined) return;
  await client.say('EHLO fuzz.test\r\n', random);
  if ((await client.reply()) === undefined) return;
  for (let left = random.between(1, 4), index = 0; left > 0; left--, index++) {
    const submission = composeSubmission(`${number}.${index}`, random);
    evidence.submissions.set(submission.id, submission);
    if (!(await submit(client, submission, random.pick(senders), random))) return;
  }
  if (random.chance(0.5)) await client.say('QUIT\r\n', random);
  else client.leave(random.pick(['close', 'reset']));
}

async function talkNonsense(client: LiveClient, evidence: Evidence, random: Random): Promise<void> {
  // Who speaks first is thrown out.
  if (random.chance(0.95)) await client.reply();
  const nonsense = mutate(clientDialogues, random);
  evidence.nonsense.push(nonsense);
  await client.say(nonsense, random);
  if (random.chance(0.9)) client.leave(random.pick(['close', 'reset']));
}

async function sendCleanly(port: number, evidence: Evidence, random: Random): Promise<void> {
  const client = await LiveClient.connect(port);
  await client.reply();
  await client.say('EHLO fuzz.test\r\n', random);
  await client.reply();
  const submission = { ...composeSubmission('clean', random), sentWhole: true };
  evidence.submissions.set(submission.id, submission);
  for (const line of [`MAIL FROM:<${cleanSender}>`, 'RCPT TO:<x@example.net>', 'DATA']) {
    await client.say(`${line}\r\n`, random);
    await client.reply();
  }
  await client.say(submission.data, random);
  submission.acknowledged = (await client.reply())?.code === 250;
  if (!submission.acknowledged) evidence.faults.push('the relay does not take a message after all this');
  client.leave('close');
  await client.ended();
}
