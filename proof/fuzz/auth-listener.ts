/**
 * Spoiled sign-ins over real sockets to a real relay that demands AUTH, with a passwords file and a provider behind it.
 * Who was let in must have said a right secret; mail arrives from nobody else; no secret is in the log; and in the end
 * the owner gets in, and nothing is left open.
 */
import { join } from 'node:path';
import { parseConfig } from '../../src/config/parse.js';
import type { ListenerSettings } from '../../src/config/listener.js';
import { unknownProvider } from '../../src/providers/provider.js';
import { writePasswords } from '../../test/support/passwords.js';
import { temporaryDirectory } from '../../test/support/process.js';
import { type RelayUnderTest, startTestRelay, testAccount } from '../../test/support/relay-under-test.js';
import { startProvider } from '../provider.js';
import { Random } from '../random.js';
import { behave, startSink, type SunkMessage } from '../sink.js';
import { tracesOf } from '../traces.js';
import { hurriedClock } from './hurried-clock.js';
import { LiveClient } from './live-client.js';
import { holdsSecret, password, properSignIn, randomSignIns, token, user } from './sign-ins.js';
import { leakedSockets, openSockets } from './sockets.js';
import { submissionId } from './submission.js';

export interface AuthListenerOptions {
  readonly sessions: number;
  readonly random: Random;
  /** By performance.now(); no session begins after it. */
  readonly deadlineAt: number;
}

export interface AuthListenerReport {
  readonly sessions: number;
  /** In which the client was let in. */
  readonly letIn: number;
  readonly faults: readonly string[];
}

const sessionsAtOnce = 8;
/** The limit on guesses would soon leave nothing to be looked at: half a minute is a tenth of a second here. */
const hurry = 300;

export async function fuzzSignIns({
  deadlineAt,
  random,
  sessions,
}: AuthListenerOptions): Promise<AuthListenerReport> {
  const faults: string[] = [];
  const before = openSockets();
  const directory = await temporaryDirectory();
  const passwordsFile = join(directory.path, 'passwd');
  await writePasswords(passwordsFile, [{ user, password }]);
  const provider = await startProvider(token, user);
  const sunk: SunkMessage[] = [];
  const sink = await startSink({ mood: () => behave, onMessage: (message) => sunk.push(message) });
  const account = testAccount(user, sink.port, { provider: unknownProvider });
  const relay = await startTestRelay(
    [account],
    { listen: [listener(passwordsFile, provider.url)] },
    hurriedClock(hurry),
  );
  /** Ids of the messages of those who were let in. */
  const honest = new Set<string>();

  const converse = async (signIns: string, random: Random): Promise<boolean> => {
    const id = random.below(2 ** 32).toString(36);
    const client = await LiveClient.connect(relay.port);
    await client.reply();
    await client.say(`${signIns}RSET\r\nMAIL FROM:<${user}>\r\nRCPT TO:<x@example.net>\r\nDATA\r\n`, random);
    await client.say(`X-Fuzz: ${id}\r\n\r\n.\r\n`, random);
    client.leave('close');
    let isIn = false;
    for (let reply = await client.reply(); reply !== undefined; reply = await client.reply())
      if (reply.code === 235) isIn = true;
    if (isIn) honest.add(id);
    if (isIn && !holdsSecret(signIns)) faults.push(`let in: ${JSON.stringify(signIns)}`);
    faults.push(...client.faults);
    faults.push(...leaks(relay.log.splice(0)));
    return isIn;
  };

  let [begun, letIn] = [0, 0];
  const work = async (random: Random) => {
    while (begun < sessions && performance.now() < deadlineAt) {
      begun++;
      if (await converse(randomSignIns(random), random)) letIn++;
    }
  };
  await Promise.all(Array.from({ length: sessionsAtOnce }, () => work(random.fork())));
  if (!(await converse(`EHLO c.test\r\n${properSignIn('PLAIN', true)}`, new Random(0))))
    faults.push('the owner is not let in after all this');
  await relay.close();
  await sink.stop();
  await provider.close();
  await directory.remove();
  for (const { data, outcome } of sunk)
    if (outcome !== 'cut' && !honest.has(submissionId(data) ?? ''))
      faults.push(`mail of somebody who was not let in: ${JSON.stringify(data)}`);
  const leak = await leakedSockets(before);
  if (leak !== undefined) faults.push(leak);
  return { sessions: begun, letIn, faults };
}

function listener(passwordsFile: string, introspectionUrl: string): ListenerSettings {
  const oauth2 = { introspection_url: introspectionUrl };
  const auth = { required: true, passwords_file: passwordsFile, oauth2 };
  const listen = { address: '127.0.0.1:0', auth };
  return parseConfig({ relay: { listen } }, undefined).config.relay.listen![0]!;
}

const traces = [password, token].flatMap(tracesOf);

/** Of commands that are no AUTH, and of names, the log has what the client put there. */
function leaks(log: RelayUnderTest['log']): string[] {
  return log.flatMap(({ fields, message }) => {
    const line = `${message} ${JSON.stringify({ ...fields, user: undefined })}`;
    const isTheirs = message.startsWith('C: ') && !message.startsWith('C: AUTH');
    return !isTheirs && traces.some((trace) => line.includes(trace)) ? [`logged: ${line}`] : [];
  });
}
