/**
 * One message, submitted correctly, in one of the many ways in which that can be done, or given up half-way. It is
 * known afterwards what the relay was given and what it said.
 */
import type { Random } from '../random.js';
import type { LiveClient } from './live-client.js';

export interface Submission {
  readonly id: string;
  /** Dot-stuffed, with the end mark; latin1. */
  readonly data: string;
  /** The relay was given all of it. */
  sentWhole: boolean;
  /** The relay has said 250 to it. */
  acknowledged: boolean;
}

const idField = /^X-Fuzz: (\S+)\r\n/;

/** The id of a message as it arrived, or of the beginning of one. */
export function submissionId(data: string): string | undefined {
  return idField.exec(data)?.[1];
}

export function composeSubmission(id: string, random: Random): Submission {
  const lines = Array.from({ length: random.below(6) }, () =>
    random.pick(['', '..', '..a', 'a.', '\xe4\xff\0', 'x'.repeat(random.below(1000))]),
  );
  // More than sockets buffer, so that each side must wait for the other.
  if (random.chance(0.03)) lines.push(...Array.from({ length: 4000 }, () => 'y'.repeat(100)));
  const data = ['', ...lines, '.'].map((line) => `${line}\r\n`).join('');
  return { id, data: `X-Fuzz: ${id}\r\n${data}`, sentWhole: false, acknowledged: false };
}

/** False when the client has left, or was left. */
export async function submit(
  client: LiveClient,
  submission: Submission,
  sender: string,
  random: Random,
): Promise<boolean> {
  const recipients = Array.from({ length: random.between(1, 3) }, (_, index) => `r${index}@example.net`);
  const envelope = [`MAIL FROM:<${sender}>`, ...recipients.map((to) => `RCPT TO:<${to}>`), 'DATA'];
  const codes: number[] = [];
  const pipelines = random.chance(0.6);
  if (pipelines) await client.say(envelope.map((line) => `${line}\r\n`).join(''), random);
  for (const line of envelope) {
    if (!pipelines) await client.say(`${line}\r\n`, random);
    const code = (await client.reply())?.code;
    if (code === undefined) return false;
    codes.push(code);
  }
  if (codes.at(-1) !== 354) return startOver(client, random);
  return sendMessage(client, submission, random);
}

async function sendMessage(client: LiveClient, submission: Submission, random: Random): Promise<boolean> {
  const { data } = submission;
  if (random.chance(0.1)) {
    await client.say(data.slice(0, random.below(data.length)), random);
    client.leave(random.pick(['close', 'reset']));
    return false;
  }
  submission.sentWhole = true;
  await client.say(data, random);
  if (random.chance(0.05)) {
    client.leave(random.pick(['close', 'reset']));
    return false;
  }
  const code = (await client.reply())?.code;
  submission.acknowledged = code === 250;
  return code !== undefined;
}

/** After a refusal. */
async function startOver(client: LiveClient, random: Random): Promise<boolean> {
  await client.say('RSET\r\n', random);
  return (await client.reply()) !== undefined;
}
