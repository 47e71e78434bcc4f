/**
 * Plays a cell of the matrix: a message goes through the relay to an upstream that has this fault at this stage,
 * and then another one to the same upstream, which behaves again. In every cell, what the client was told and what
 * the upstream has must agree, and nothing may be left open.
 */
import { expect } from 'vitest';
import { gmail, type SmtpHost } from '../../src/providers/index.js';
import { afterwards, relayWith, upstreamWith } from '../relay/scene.js';
import { type DeafListener, deafListener } from '../support/deaf-listener.js';
import {
  greetedClient,
  type RelayUnderTest,
  type TestClient,
  testAccount,
} from '../support/relay-under-test.js';
import type { ScriptedUpstream, UpstreamOptions, UpstreamTls } from '../support/scripted-upstream.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { type Fault, type Outcome, outcomeOf, type Stage } from './matrix.js';
import { answerOf, isStage } from './strike.js';
import { type LogLine } from '../support/recording-logger.js';

export interface Way {
  readonly name: string;
  readonly tls: SmtpHost['tls'];
  /** Whether the client and the upstream do it. */
  readonly pipelining: boolean;
}

export interface Certificates {
  readonly authorityFile: string;
  readonly good: UpstreamTls;
  readonly bad: Readonly<Partial<Record<Fault, UpstreamTls>>>;
}

export interface Cell {
  readonly fault: Fault;
  readonly stage: Stage;
  readonly way: Way;
  readonly certificates: Certificates;
}

interface Played extends Cell {
  readonly outcome: Outcome;
  readonly clock: VirtualClock;
  readonly options: UpstreamOptions;
  readonly port: number;
  /** On the port, in place of the upstream. */
  readonly deaf: DeafListener | undefined;
  /** Another one on the same port, once the first could not be connected to. */
  upstream: ScriptedUpstream;
  readonly relay: RelayUnderTest;
  readonly client: TestClient;
  /** Resolves when the fault has happened. */
  struck: Promise<void>;
}

interface Told {
  /** To MAIL, each RCPT and DATA, as far as the client asked. */
  readonly envelope: readonly string[];
  /** To the message; undefined when DATA was refused. */
  readonly end: string | undefined;
}

const recipients = ['x', 'y', 'z'].map((name) => `RCPT TO:<${name}@example.net>`);
const header = (subject: string) => `Subject: ${subject}\r\n\r\n..dotted\r\n`;
const shortRest = '\xe4 8-bit\r\n.\r\n';
/** More than the kernel holds in its buffers for two connections on loopback. */
const longRest = `${`${'x'.repeat(998)}\r\n`.repeat(32 * 1024)}.\r\n`;
const subject = 'the message';
const patience = { timeout: 10_000, interval: 2 };

export async function play(cell: Cell): Promise<void> {
  const played = await begin(cell);
  await beforeTheMessage(played);
  const rest = isStalledInBody(cell) ? longRest : shortRest;
  const telling = submit(played, subject, rest, cell.stage === 'mid-body' ? played.struck : undefined);
  const afterMs = 'afterMs' in played.outcome ? played.outcome.afterMs : undefined;
  // How soon a stalled body is seen to stall depends on the kernel's buffers.
  const slackMs = isStalledInBody(cell) ? 60_000 : 3000;
  const tookMs = afterMs === undefined ? 0 : await timeUntilTold(played, telling, afterMs + slackMs);
  judge(played, await telling, header(subject) + rest, tookMs);
  await recover(played);
  await nothingIsLeft(played);
}

/** Whether the message meets an upstream that has stopped reading. */
function isStalledInBody({ fault, stage }: Cell): boolean {
  return stage === 'mid-body' && (fault === 'silence' || fault === 'endless drip');
}

async function begin(cell: Cell): Promise<Played> {
  const { certificates, fault, stage, way } = cell;
  const clock = new VirtualClock();
  const options = {
    tls: way.tls === 'none' ? undefined : certificates.good,
    implicitTls: way.tls === 'implicit',
    extensions: [...(way.pipelining ? ['PIPELINING'] : []), '8BITMIME', 'AUTH XOAUTH2'],
  };
  const upstream = await upstreamWith(options);
  const deaf = stage === 'connect' && fault === 'silence' ? await deafListener() : undefined;
  if (deaf !== undefined) afterwards(() => deaf.close());
  const port = deaf?.port ?? upstream.port;
  if (stage === 'connect' && fault === 'refuses us') await upstream.close();
  const account = testAccount('a@example.org', port);
  const { account: plain } = account;
  const trusting = {
    ...plain,
    // One session and no more: who keeps it blocks the next message.
    provider: { ...gmail, pace: { ...gmail.pace, sessions: 1 } },
    client: { ...plain.client, caBundleFile: certificates.authorityFile },
    submission: {
      user: 'a@example.org',
      smtp: { host: 'localhost', port, tls: way.tls },
      mechanism: undefined,
    },
  };
  const relay = await relayWith([{ ...account, account: trusting }], {}, clock);
  const client = await greetedClient(relay.port);
  const struck = strike(cell, upstream, clock);
  return {
    ...cell,
    outcome: outcomeOf(fault, stage),
    clock,
    options,
    port,
    deaf,
    upstream,
    relay,
    client,
    struck,
  };
}

/** Has the upstream answer so, once. */
function strike(
  { certificates, fault, stage, way }: Cell,
  upstream: ScriptedUpstream,
  clock: VirtualClock,
): Promise<void> {
  let over = false;
  let hellos = 0;
  return new Promise((resolve) => {
    upstream.script = (event) => {
      if (event.startsWith('EHLO')) hellos++;
      // What it refuses to do, it does not offer.
      const unoffered = fault === 'refuses us' && stage === 'STARTTLS' && event.startsWith('EHLO');
      if (over || !(unoffered || isStage(stage, event, hellos, way.tls === 'starttls'))) return undefined;
      over = true;
      resolve();
      if (unoffered) return '250-scripted.example\r\n250 AUTH XOAUTH2\r\n';
      upstream.tls = certificates.bad[fault] ?? upstream.tls;
      return answerOf(fault, stage, clock);
    };
  });
}

/** Faults between messages happen here. */
async function beforeTheMessage(played: Played): Promise<void> {
  const { client, clock, fault, stage, upstream } = played;
  const gone = () => upstream.open === 0;
  if (stage === 'RSET') {
    client.send(`MAIL FROM:<a@example.org>\r\n${recipients[0]}\r\nRSET\r\n`);
    for (let count = 0; count < 3; count++) expect(await client.reply()).toMatch(/^250 /);
    await played.struck;
    if (fault === 'slow drip') {
      const isReset = ({ fields, message }: LogLine) => 'upstream' in fields && message === 'S: 250 2.0.0 Ok';
      return expect.poll(() => played.relay.log.some(isReset), patience).toBe(true);
    }
    if (fault === 'silence' || fault === 'endless drip') await passTime(clock, gone);
    await expect.poll(gone, patience).toBe(true);
  }
  if (stage !== 'idle') return;
  expect((await submit(played, 'the one before')).end).toMatch(/^250 /);
  if (fault === 'silence') {
    played.struck = strike({ ...played, stage: 'MAIL' }, upstream, clock);
    return;
  }
  const answer = answerOf(fault, stage, clock);
  upstream.act((wire) => {
    if (typeof answer === 'string') wire.stream.write(answer, 'latin1');
    else if (typeof answer === 'object' && 'act' in answer) answer.act(wire);
    else if (typeof answer === 'object') wire.stream.end(answer.last);
  });
  if (fault !== 'endless drip') await expect.poll(gone, patience).toBe(true);
  else for (let count = 0; count < 20; count++) await passSecond(clock);
}

async function submit(
  { client, way }: Played,
  about: string,
  rest = shortRest,
  untilRest?: Promise<void>,
): Promise<Told> {
  const lines = ['MAIL FROM:<a@example.org>', ...recipients, 'DATA'];
  const envelope: string[] = [];
  if (way.pipelining) client.send(lines.map((line) => `${line}\r\n`).join(''));
  for (const line of lines) {
    if (!way.pipelining && envelope[0]?.startsWith('2') === false) break;
    if (!way.pipelining) client.send(`${line}\r\n`);
    envelope.push(await client.reply());
  }
  if (envelope[lines.length - 1]?.startsWith('354') !== true) return { envelope, end: undefined };
  client.send(header(about));
  await untilRest;
  client.send(rest);
  return { envelope, end: await client.reply() };
}

/** Moves the clock until the client is told; gives the milliseconds that it had to wait. */
async function timeUntilTold(played: Played, telling: Promise<unknown>, longestMs: number): Promise<number> {
  const { client, clock, fault, stage, struck } = played;
  let told = false;
  void telling.then(() => (told = true));
  if (stage !== 'connect' || fault !== 'silence') await struck;
  if (isStalledInBody(played)) await expect.poll(() => client.isBlocked(), patience).toBe(true);
  // No further than that: after its time, what is told comes by itself, however long the rest of a message takes.
  return passTime(clock, (ms) => told || ms >= longestMs);
}

async function passTime(clock: VirtualClock, isOver: (ms: number) => boolean): Promise<number> {
  const longestMs = 15 * 60_000;
  for (let ms = 0; ms < longestMs; ms += 1000) {
    if (isOver(ms)) return ms;
    await passSecond(clock);
  }
  throw new Error(`it was not over after ${longestMs} ms`);
}

/** Before time passes, what is on its way arrives. */
async function passSecond(clock: VirtualClock): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(1000);
}

function received(upstream: ScriptedUpstream, about: string) {
  return upstream.messages.filter(({ data }) => data.startsWith(header(about)));
}

function judge({ outcome, stage, upstream }: Played, told: Told, text: string, tookMs: number): void {
  const answers = told.end === undefined ? told.envelope : [...told.envelope, told.end];
  const refusals = answers.filter((answer) => /^[45]/.test(answer));
  const isSent = told.end?.startsWith('2') ?? false;
  const got = received(upstream, subject);
  expect(answers.every((answer) => /^[2-5]\d\d /.test(answer))).toBe(true);

  // What the client was told and what the upstream has.
  const perhapsTwice = outcome.kind === 'deferred' && outcome.twice === true;
  expect(got).toHaveLength(isSent || perhapsTwice ? 1 : 0);
  for (const { data, recipients: reached } of got) {
    expect(data === text).toBe(true);
    expect(reached).toEqual(recipients.filter((_, index) => told.envelope[index + 1]?.startsWith('2')));
  }

  switch (outcome.kind) {
    case 'deferred':
      expect(refusals[0]).toMatch(new RegExp(`^${outcome.reply.replaceAll('.', '\\.')} `));
      expect(refusals.filter((refusal) => !refusal.startsWith('4'))).toEqual([]);
      expect(isSent).toBe(false);
      expect(tookMs).toBeGreaterThan((outcome.afterMs ?? 0) - 3000);
      break;
    case 'passed on':
      expect(refusals[0]).toBe(outcome.reply === '450 4.7.1' ? '450 4.7.1 Not now' : '550 5.7.1 Never');
      expect(isSent).toBe(stage === 'RCPT');
      break;
    case 'sent':
      expect(refusals).toEqual([]);
      expect(isSent).toBe(true);
      expect(upstream.connections).toBe(outcome.how === 'late' ? 1 : 2);
      break;
    case 'none':
      throw new Error('there is nothing to play');
  }
}

/** The upstream behaves, and so the next message of the same client goes through. */
async function recover(played: Played): Promise<void> {
  const { client, clock, fault, options, outcome, stage } = played;
  played.upstream.script = () => undefined;
  played.upstream.tls = options.tls;
  // Who does not read does not see the end either.
  played.upstream.act(({ stream }) => stream.resume());
  if (stage === 'connect' && (fault === 'silence' || fault === 'refuses us')) {
    const { port } = played;
    await played.deaf?.close();
    await played.upstream.close();
    played.upstream = await upstreamWith({ ...options, port });
  }
  // An account that was refused is left alone for half a minute.
  if (outcome.kind === 'deferred' && outcome.reply.startsWith('454')) await clock.advance(31_000);
  expect(await client.say('RSET')).toMatch(/^250 /);
  expect((await submit(played, 'the one after')).end).toMatch(/^250 /);
  expect(received(played.upstream, 'the one after')).toHaveLength(1);
}

/** But a session in the pool, and nothing at all when the relay has stopped, which it does at once. */
async function nothingIsLeft({ client, clock, relay, upstream }: Played): Promise<void> {
  expect(await client.say('QUIT')).toMatch(/^221 /);
  await expect.poll(() => [client.closed, upstream.open, upstream.busy], patience).toEqual([true, 1, 0]);
  await relay.close();
  await expect.poll(() => upstream.open, patience).toBe(0);
  expect(clock.nextTimerMs).toBeUndefined();
}
