/**
 * Octets that some server or other takes for the end of a message ("SMTP smuggling"), with commands behind them, sent
 * through the relay cut at every octet. None may reach the upstream as an end of data, in whatever pieces it came.
 */
import { setImmediate } from 'node:timers/promises';
import { unknownProvider } from '../../src/providers/provider.js';
import { startTestRelay, testAccount } from '../../test/support/relay-under-test.js';
import { Random } from '../random.js';
import { behave, startSink, type SunkMessage } from '../sink.js';
import { hasFalseEnd } from './lenient.js';
import { LiveClient } from './live-client.js';
import { leakedSockets, openSockets } from './sockets.js';

const marks = [
  ...[
    '\n.\n',
    '\n.\r\n',
    '\r\n.\n',
    '\r.\r\n',
    '\r\n.\r\r\n',
    '\r.\r',
    '\r.\n',
    '\n.\r',
    '\r\n.\r',
    '\r\r\n.\n',
  ],
  ...[
    '\r\n\0.\r\n',
    '\r\n.\0\r\n',
    '\r\0\n.\r\n',
    '\r\n.\r\0\n',
    '\n\0.\n',
    '\n.\0\n',
    '\r\n\0.\0\r\n',
    '\0\n.\n\0',
  ],
];
/** What the mark comes after. */
const beginnings = ['', 'text', 'text\r\n'];
const smuggled = 'MAIL FROM:<thief@fuzz.test>\r\nRCPT TO:<victim@example.net>\r\nDATA\r\nsmuggled\r\n.\r\n';
const sender = 'a0@fuzz.test';

export interface FalseEndsReport {
  /** Messages, each with another mark, cut at another place. */
  readonly messages: number;
  readonly faults: readonly string[];
}

/** @param share of all that there are, from 0 to 1 */
export async function tryFalseEnds(share: number, random: Random): Promise<FalseEndsReport> {
  const before = openSockets();
  const received: SunkMessage[] = [];
  const sink = await startSink({ mood: () => behave, onMessage: (message) => received.push(message) });
  const relay = await startTestRelay([testAccount(sender, sink.port, { provider: unknownProvider })]);
  const faults: string[] = [];
  let messages = 0;
  for (const beginning of beginnings) {
    for (const mark of marks) {
      for (const pieces of waysToCut(beginning + mark)) {
        if (!random.chance(share)) continue;
        messages++;
        const fault = (await submit(relay.port, [...pieces, smuggled])) ?? judge(received.splice(0));
        if (fault !== undefined) faults.push(`${JSON.stringify(pieces)}: ${fault}`);
      }
    }
  }
  await relay.close();
  await sink.stop();
  const leak = await leakedSockets(before);
  if (leak !== undefined) faults.push(leak);
  return { messages, faults };
}

/** In two at each place, and octet by octet. */
function waysToCut(text: string): string[][] {
  const inTwo = text.split('').map((_, at) => [text.slice(0, at), text.slice(at)]);
  return [...inTwo, text.split('')];
}

/** The message ends with what it smuggles, and so do its replies: with one to all of it. */
async function submit(port: number, pieces: readonly string[]): Promise<string | undefined> {
  const client = await LiveClient.connect(port);
  const whole = new Random(0);
  await client.reply();
  for (const line of ['EHLO fuzz.test', `MAIL FROM:<${sender}>`, 'RCPT TO:<x@example.net>', 'DATA']) {
    await client.say(`${line}\r\n`, whole);
    const reply = await client.reply();
    if (reply === undefined || reply.code >= 400) return `${line} was answered ${reply?.code}`;
  }
  for (const piece of pieces) {
    client.write(piece);
    // The relay's turn to read it, before there is more.
    await setImmediate();
    await setImmediate();
  }
  const code = (await client.reply())?.code;
  client.leave('close');
  const rest = await client.ended();
  if (code !== 250 && code !== 550) return `it was answered ${code}`;
  return rest > 0 ? 'it was answered more than once' : undefined;
}

function judge(received: readonly SunkMessage[]): string | undefined {
  if (received.length > 1) return `${received.length} messages arrived`;
  const message = received[0];
  if (message === undefined || !hasFalseEnd(message.data, message.outcome !== 'cut')) return undefined;
  return `the upstream got ${JSON.stringify(message.data)}`;
}
