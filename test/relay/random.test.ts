/**
 * Random clients in random pieces through the relay to an upstream with random faults. Whatever happens: each
 * command gets one reply, in order; a message is acknowledged exactly when the upstream has it, whole, for the
 * recipients that were accepted; and in the end no session is left, and each account has all of its places.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unknownProvider } from '../../src/providers/provider.js';
import {
  greetedClient,
  type RelayUnderTest,
  startTestRelay,
  type TestAccount,
  testAccount,
  type TestClient,
} from '../support/relay-under-test.js';
import { type Answer, type ScriptedUpstream, startScriptedUpstream } from '../support/scripted-upstream.js';

interface Step {
  readonly line: string;
  /** Whether the client waits for the reply before it goes on; after DATA it always does. */
  readonly wait: boolean;
  /** How much of a message it sends before it vanishes; 1 is all of it. */
  readonly share: number;
}

interface Fault {
  readonly stage: string;
  /** Events of that stage that pass before it. */
  readonly skip: number;
  readonly answer: Answer;
}

interface Exchange {
  /** `.` is the end of a message. */
  readonly said: string;
  readonly message?: string;
  readonly reply: string;
}

const senders = ['a@example.org', 'b@example.org'];
/** What an account may have at once; a third client waits. */
const places = 2;
const pace = { sessions: places, messagesPerMinute: undefined, loginsPerMinute: undefined };
const wait = fc.boolean();
const line = (...lines: string[]) =>
  fc.record({ line: fc.constantFrom(...lines), wait, share: fc.constant(1) });
const recipient = line('RCPT TO:<x@example.net>', 'RCPT TO:<y@example.net>', 'RCPT TO:<z@example.net>');
const data = fc.record({
  line: fc.constant('DATA'),
  wait,
  share: fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, fc.double({ min: 0, max: 0.99, noNaN: true })),
});
const anything = line('NOOP', 'VRFY root', 'HELP', 'RSET', 'EHLO c', 'HELO c');
const mistake = line('FOO', 'DATA now', 'MAIL FROM:<nobody@example.org>', 'MAIL FROM:<a@example.org> X=1');
const mail = line(...senders.map((sender) => `MAIL FROM:<${sender}>`));
const harmless = line('NOOP', 'VRFY root', 'HELP');
const transaction = fc
  .tuple(mail, fc.array(recipient, { minLength: 1, maxLength: 3 }), fc.option(harmless), data)
  .map(([first, recipients, between, last]) => [first, ...recipients, ...(between ? [between] : []), last]);
const goodScript = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: transaction },
      anything.map((one) => [one]),
    ),
    { maxLength: 5 },
  )
  .map((parts) => parts.flat());
const wildScript = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: transaction },
      fc.oneof(anything, mistake, mail, recipient, data).map((one) => [one]),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.flat());

const acts: fc.Arbitrary<Answer> = fc.constantFrom<Answer>('reset', 'close');
const temporary = (stage: string): fc.Arbitrary<Answer> =>
  fc.oneof(
    acts,
    fc.constantFrom<Answer>(
      `450 4.2.1 at ${stage}\r\n`,
      `421 4.3.2 at ${stage}\r\n`,
      { last: `421 4.3.2 at ${stage}\r\n` },
      `535 5.7.3 at ${stage}\r\n`,
      `451-4.3.0 at ${stage}\r\n451 4.3.0 go away\r\n`,
      'nonsense\r\n',
      '350 what\r\n',
    ),
  );
const permanent = (stage: string) => fc.constant<Answer>(`550 5.1.1 at ${stage}\r\n`);
const stages = ['MAIL', 'RCPT', 'DATA', 'end', 'RSET', 'greeting', 'EHLO', 'AUTH'];
const faultsOf = (answers: (stage: string) => fc.Arbitrary<Answer>) => {
  const atStage = fc.constantFrom(...stages).chain((stage) => fault(stage, answers(stage)));
  // A server that answers a message before its end reads no more of it.
  const early = fault('body', fc.oneof(acts, fc.constant<Answer>({ last: '452 4.3.1 at body\r\n' })));
  return fc.array(fc.oneof({ weight: 8, arbitrary: atStage }, early), { maxLength: 6 });
};
function fault(stage: string, answer: fc.Arbitrary<Answer>): fc.Arbitrary<Fault> {
  return fc.record({ stage: fc.constant(stage), skip: fc.nat({ max: 3 }), answer });
}

/** Says each fault once, at its stage, when its turn has come. */
function scriptOf(faults: readonly Fault[]): (event: string) => Answer {
  const left = faults.map((one) => ({ ...one }));
  return (event) => {
    const due = left.find(({ stage }) => event.startsWith(stage));
    if (due === undefined || due.skip-- > 0) return undefined;
    left.splice(left.indexOf(due), 1);
    return due.answer;
  };
}

let count = 0;

/** A message like no other, with dots where they matter. */
function newMessage(): string {
  const lines = [
    `Message-ID: <${++count}@example.org>`,
    '',
    '..',
    '...dots',
    'text. ',
    'x'.repeat(count % 997),
  ];
  return `${lines.join('\r\n')}\r\n.\r\n`;
}

async function writeInPieces(client: TestClient, text: string, pieces: readonly number[]): Promise<void> {
  let at = 0;
  for (let round = 0; at < text.length; round++) {
    const size = pieces.length === 0 ? text.length : pieces[round % pieces.length]!;
    client.send(text.slice(at, at + size));
    at += size;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Follows the script as a client that obeys the RFC; gives every command with its reply. */
async function follow(port: number, steps: readonly Step[], pieces: readonly number[]): Promise<Exchange[]> {
  const client = await greetedClient(port);
  const exchanges: Exchange[] = [];
  let unread: { said: string; message?: string }[] = [];
  let out = '';
  const catchUp = async (): Promise<string> => {
    const text = out;
    const due = unread;
    [out, unread] = ['', []];
    await writeInPieces(client, text, pieces);
    for (const one of due) exchanges.push({ ...one, reply: await client.reply() });
    return exchanges.at(-1)?.reply ?? '';
  };
  const plan = (said: string) => {
    out += `${said}\r\n`;
    unread.push({ said });
  };
  for (const step of [...steps, { line: 'QUIT', wait: true, share: 1 }]) {
    plan(step.line);
    if (step.line !== 'DATA') {
      if (step.wait) await catchUp();
      continue;
    }
    const opened = (await catchUp()).startsWith('354');
    const message = newMessage();
    if (opened && step.share < 1) {
      await writeInPieces(client, message.slice(0, step.share * (message.length - 3)), pieces);
      client.end();
      return exchanges;
    }
    // After a refused DATA the transaction may be open still: who wants another begins anew.
    if (!opened) {
      plan('RSET');
      continue;
    }
    out = message;
    unread.push({ said: '.', message });
    if (step.wait) await catchUp();
  }
  expect(await client.reply()).toBe('(closed)');
  return exchanges;
}

const ownReplies: Readonly<Record<string, RegExp>> = {
  NOOP: /^250 2\.0\.0 Ok$/,
  RSET: /^250 2\.0\.0 Ok$/,
  VRFY: /^252 /,
  HELP: /^214 /,
  EHLO: /^250-relay\.example at/,
  HELO: /^250 relay\.example$/,
  QUIT: /^221 /,
  FOO: /^500 /,
  'DATA now': /^501 /,
};
const upstreamReplies: Readonly<Record<string, RegExp>> = {
  MAIL: /^250 2\.1\.0 Ok$|^[45]/,
  RCPT: /^250 2\.1\.5 Ok$|^[45]/,
  DATA: /^354 End|^[45]/,
  '.': /^250 2\.0\.0 Ok: queued$|^[45]/,
};
/**
 * Whose refusal may answer what: one that ended the transaction also stands for what follows in it, and one of the
 * account for the messages after it.
 */
const mayName: Readonly<Record<string, readonly string[]>> = {
  MAIL: ['MAIL', 'greeting', 'EHLO', 'AUTH'],
  RCPT: ['MAIL', 'RCPT', 'DATA', 'greeting', 'EHLO', 'AUTH'],
  DATA: ['MAIL', 'RCPT', 'DATA', 'greeting', 'EHLO', 'AUTH'],
  '.': ['end', 'body'],
};

function isOfAccount(reply: string): boolean {
  return /^454 .*\((530|535|501 5\.5\.127)/.test(reply);
}

/** Holds one client's replies against what it said and what the upstream has. */
function judge(exchanges: readonly Exchange[], upstream: ScriptedUpstream): void {
  let open: { mail: string; recipients: string[] } | undefined;
  for (const { said, message, reply } of exchanges) {
    const verb = said.split(' ')[0]!;
    const own = ownReplies[said] ?? ownReplies[verb];
    expect([said, reply]).toEqual([said, expect.stringMatching(own ?? upstreamReplies[verb]!)]);
    expect(reply).not.toMatch(/^(421|53)/);
    const named = own === undefined ? /at (\w+)/.exec(reply)?.[1] : undefined;
    if (named !== undefined && named !== 'the')
      expect(mayName[verb === 'MAIL' && isOfAccount(reply) ? 'RCPT' : verb]).toContain(named);
    const accepted = /^[23]/.test(reply);
    if (verb === 'MAIL' && accepted) open = { mail: said, recipients: [] };
    if (verb === 'RCPT' && accepted) {
      expect(open).toBeDefined();
      open?.recipients.push(said);
    }
    if (verb === 'DATA' && accepted) expect(open).toBeDefined();
    if (verb === 'RSET' || verb === 'EHLO' || verb === 'HELO') open = undefined;
    if (verb !== '.') continue;
    const user = /<(.*)>/.exec(open?.mail ?? '')?.[1];
    expect(upstream.messages.filter((one) => one.data === message)).toEqual(
      accepted ? [{ user, ...open, data: message }] : [],
    );
    open = undefined;
  }
}

interface World {
  readonly scripts: readonly (readonly Step[])[];
  readonly faults: readonly Fault[];
  readonly pieces: readonly number[];
  readonly pipelining: boolean;
  /** Whether a token that is refused gets a successor. */
  readonly renews: boolean;
  /** Whether the clients come side by side or one after the other. */
  readonly together: boolean;
}

function worlds(script: typeof goodScript, faults: ReturnType<typeof faultsOf>): fc.Arbitrary<World> {
  return fc.record({
    scripts: fc.array(script, { minLength: 1, maxLength: 3 }),
    faults,
    pieces: fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 20, max: 2000 })), {
      maxLength: 4,
    }),
    pipelining: fc.boolean(),
    renews: fc.boolean(),
    together: fc.boolean(),
  });
}

/** Runs the clients and checks all but what this test alone expects of the replies; gives these. */
async function run({ scripts, faults, pieces, pipelining, renews, together }: World): Promise<Exchange[][]> {
  const extensions = ['AUTH XOAUTH2 OAUTHBEARER', '8BITMIME', ...(pipelining ? ['PIPELINING'] : [])];
  const upstream = await startScriptedUpstream({ extensions, script: scriptOf(faults) });
  const provider = { ...unknownProvider, pace };
  const accounts = senders.map((sender) => testAccount(sender, upstream.port, { provider }));
  if (renews) for (const account of accounts) account.renewed = 'renewed';
  const relay = await startTestRelay(accounts);
  try {
    const all: Exchange[][] = [];
    if (together) all.push(...(await Promise.all(scripts.map((one) => follow(relay.port, one, pieces)))));
    else for (const script of scripts) all.push(await follow(relay.port, script, pieces));
    // Sessions that are kept wait between messages.
    await expect.poll(() => upstream.busy, { interval: 2 }).toBe(0);
    upstream.script = () => undefined;
    for (const account of accounts) await haveAllPlaces(account, relay);
    await relay.close();
    await expect.poll(() => upstream.open, { interval: 2 }).toBe(0);
    for (const exchanges of all) judge(exchanges, upstream);
    for (const { data } of upstream.messages) {
      expect(data).toMatch(/^Message-ID: .*\r\n\r\n\.\.\r\n\.\.\.dots\r\ntext\. \r\nx*\r\n\.\r\n$/s);
      expect(upstream.messages.filter((one) => one.data === data)).toHaveLength(1);
    }
    return all;
  } finally {
    await upstream.close();
  }
}

/** As many may send as may, and no one more. */
async function haveAllPlaces(account: TestAccount, relay: RelayUnderTest): Promise<void> {
  // One that was refused is left alone.
  account.token = 'signed in again';
  const clients = await Promise.all(Array.from({ length: places + 1 }, () => greetedClient(relay.port)));
  const told: string[] = [];
  for (const client of clients)
    void client.say(`MAIL FROM:<${account.account.name}>`).then((reply) => told.push(reply));
  await expect
    .poll(() => [relay.waiting, told], { interval: 2 })
    .toEqual([1, Array.from({ length: places }, () => '250 2.1.0 Ok')]);
  for (const client of clients) client.end();
  await expect.poll(() => relay.waiting, { interval: 2 }).toBe(0);
}

/** A run that hangs fails. */
const limits = { numRuns: 100, timeout: 10_000 };

describe('random clients and a random upstream', () => {
  it('lose no reply and no message, and leave nothing open', async () => {
    const faults = faultsOf((stage) => fc.oneof(temporary(stage), permanent(stage)));
    await fc.assert(
      fc.asyncProperty(worlds(wildScript, faults), async (world) => void (await run(world))),
      limits,
    );
  });

  it('never make a permanent failure of a transient one', async () => {
    await fc.assert(
      fc.asyncProperty(worlds(goodScript, faultsOf(temporary)), async (world) => {
        const all = await run(world);
        expect(all.flat().filter(({ reply }) => reply.startsWith('5'))).toEqual([]);
      }),
      limits,
    );
  });
});
