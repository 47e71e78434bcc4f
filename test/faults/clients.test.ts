/** Each fault of a submitting client at each stage: see clients.ts. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { gmail } from '../../src/providers/index.js';
import { relayWith, replies, type Scene, upstreamWith } from '../relay/scene.js';
import { greetedClient, testAccount, TestClient } from '../support/relay-under-test.js';
import { VirtualClock } from '../support/virtual-clock.js';
import {
  type ClientFault,
  clientFaults,
  type ClientOutcome,
  clientOutcomeOf,
  type ClientStage,
  clientStages,
  excesses,
} from './clients.js';

const patience = { timeout: 10_000, interval: 2 };
const mail = 'MAIL FROM:<a@example.org>\r\n';
const rcpt = 'RCPT TO:<x@example.net>\r\n';
const text = (subject: string) => `Subject: ${subject}\r\n\r\ntext\r\n.\r\n`;
const subject = 'the message';

/** Sent one after the other, each when the one before has its reply. */
const steps: readonly { readonly stage: ClientStage; readonly line: string }[] = [
  { stage: 'EHLO', line: 'EHLO client.example\r\n' },
  { stage: 'MAIL', line: mail },
  { stage: 'RCPT', line: rcpt },
  { stage: 'DATA', line: 'DATA\r\n' },
  { stage: 'mid-body', line: text(subject).slice(0, 20) },
  { stage: 'after the dot', line: text(subject).slice(20) },
];

const held: Readonly<Partial<Record<ClientStage, { readonly event: string; readonly answer: string }>>> = {
  MAIL: { event: 'MAIL', answer: '250 2.1.0 Ok\r\n' },
  RCPT: { event: 'RCPT', answer: '250 2.1.5 Ok\r\n' },
  DATA: { event: 'DATA', answer: '354 Go ahead\r\n' },
  'after the dot': { event: 'taken', answer: '250 2.0.0 Ok\r\n' },
};

const tenMegabytes = 'x'.repeat(10 * 1024 * 1024);

interface ClientScene extends Scene {
  readonly clock: VirtualClock;
}

async function begin(): Promise<ClientScene> {
  const clock = new VirtualClock();
  const upstream = await upstreamWith();
  // One session and no more: who keeps it blocks the next message.
  const provider = { ...gmail, pace: { ...gmail.pace, sessions: 1 } };
  const account = testAccount('a@example.org', upstream.port, { provider });
  const relay = await relayWith([account], {}, clock);
  return { clock, upstream, account, relay };
}

/** Up to the stage, whose last octets are sent and whose reply, if there is one, is not read. */
async function goTo(stage: ClientStage, { upstream, relay }: Scene): Promise<TestClient> {
  const client = await TestClient.connect(relay.port);
  if (stage === 'connect') return client;
  await client.reply();
  for (const { line, stage: at } of steps) {
    client.send(line);
    if (at === 'mid-body') await expect.poll(() => upstream.chunks.at(-1), patience).toBe(line);
    if (at === stage) return client;
    if (at !== 'mid-body') expect(await client.reply()).toMatch(/^[23]/);
  }
  return client;
}

function go(fault: ClientFault, { socket }: TestClient): void {
  if (fault === 'vanishes (RST)') socket.resetAndDestroy();
  else if (fault === 'vanishes (FIN)') socket.destroy();
  else if (fault === 'half-closes') socket.end();
}

/** The same client program comes back, and nothing of its former session is left. */
async function nothingIsLeft({ clock, relay, upstream }: ClientScene): Promise<void> {
  const client = await greetedClient(relay.port);
  client.send(`${mail}${rcpt}DATA\r\n`);
  await replies(client, 3);
  client.send(text('the one after'));
  expect(await client.reply()).toBe('250 2.0.0 Ok: queued');
  expect(await client.say('QUIT')).toMatch(/^221 /);
  await expect.poll(() => [upstream.open, upstream.busy], patience).toEqual([1, 0]);
  await relay.close();
  await expect.poll(() => upstream.open, patience).toBe(0);
  expect(clock.nextTimerMs).toBeUndefined();
  expect(upstream.messages.filter(({ data }) => data === text('the one after'))).toHaveLength(1);
}

async function pass(clock: VirtualClock, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(1000);
  }
}

for (const fault of clientFaults) {
  describe(`a client that ${fault}`, () => {
    for (const stage of clientStages) {
      const outcome = clientOutcomeOf(fault, stage);
      if (outcome === undefined) continue;
      const result = `${outcome.told === undefined ? '' : `${outcome.told}, and `}${outcome.sent ? 'its message is sent' : 'nothing is sent'}`;

      it(`at ${stage}: ${result}`, async () => {
        const scene = await begin();
        const client = await goTo(stage, scene);
        if (fault === 'falls silent') await stayIn(client, stage, scene.clock);
        else go(fault, client);
        await agree(outcome, client, scene, fault === 'vanishes (RST)');
      });

      const hold = held[stage];
      if (hold === undefined || fault === 'falls silent') continue;
      it(`at ${stage}, while the upstream thinks about it: ${result}`, async () => {
        const scene = await begin();
        const struck = new Promise<void>((resolve) => {
          scene.upstream.script = (event) => {
            if (!event.startsWith(hold.event)) return undefined;
            scene.upstream.script = () => undefined;
            resolve();
            return 'silence';
          };
        });
        const client = await goTo(stage, scene);
        await struck;
        go(fault, client);
        scene.upstream.say(hold.answer);
        await agree(outcome, client, scene, false);
      });
    }
  });
}

/** Reads its reply, and says no more until it is told off. */
async function stayIn(client: TestClient, stage: ClientStage, clock: VirtualClock): Promise<void> {
  if (stage !== 'mid-body' && stage !== 'idle') await client.reply();
  await pass(clock, 298);
  expect(client.received).toBe('');
  await pass(clock, 4);
}

/** @param perhaps a reset may overtake what was sent before it: then the message may be missing, but never in part */
async function agree(
  { told, sent }: ClientOutcome,
  client: TestClient,
  scene: ClientScene,
  perhaps: boolean,
): Promise<void> {
  const { upstream } = scene;
  if (told !== undefined) expect((await client.rest()).at(-1)).toMatch(new RegExp(`^${told}[ -]`));
  client.end();
  await expect.poll(() => upstream.busy, patience).toBe(0);
  if (!perhaps) await expect.poll(() => upstream.messages.length, patience).toBe(sent ? 1 : 0);
  for (const { data } of upstream.messages) expect([data, sent]).toEqual([text(subject), true]);
  await nothingIsLeft(scene);
}

const mostOpenFiles = Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);

describe('a client', () => {
  it(`that never reads its replies: ${excesses['never reads its replies']}`, async () => {
    const scene = await begin();
    const { clock, relay } = scene;
    const client = await greetedClient(relay.port);
    client.socket.pause();
    client.send('HELP\r\n'.repeat(1_000_000));
    await expect.poll(() => client.isBlocked(), patience).toBe(true);
    await pass(clock, 5 * 60 + 40);
    // It has not read that it was cut off: the relay knows of it no more.
    await nothingIsLeft(scene);
  });

  it(`that sends 10 MB without a newline as a command: ${excesses['sends 10 MB without a newline as a command']}`, async () => {
    const scene = await begin();
    const client = await greetedClient(scene.relay.port);
    client.send(tenMegabytes);
    expect(await client.reply()).toBe('500 5.5.2 Line too long');
    client.send('\r\nNOOP\r\n');
    expect(await client.reply()).toBe('250 2.0.0 Ok');
    client.end();
    await nothingIsLeft(scene);
  });

  it(`that sends 10 MB without a newline in a message: ${excesses['sends 10 MB without a newline in a message']}`, async () => {
    const scene = await begin();
    const client = await greetedClient(scene.relay.port);
    client.send(`${mail}${rcpt}DATA\r\n`);
    await replies(client, 3);
    client.send(`${tenMegabytes}\r\n.\r\n`);
    expect(await client.reply()).toBe('250 2.0.0 Ok: queued');
    expect(scene.upstream.messages[0]?.data === `${tenMegabytes}\r\n.\r\n`).toBe(true);
    client.end();
    await nothingIsLeft(scene);
  });

  it(`that pipelines more than it may while it waits: ${excesses['pipelines more than it may while it waits']}`, async () => {
    const scene = await begin();
    const { relay, upstream } = scene;
    const client = await greetedClient(relay.port);
    upstream.script = (event) => (event.startsWith('MAIL') ? 'silence' : undefined);
    const noop = `NOOP ${'x'.repeat(1900)}\r\n`;
    const count = 12_000;
    client.send(mail + noop.repeat(count));
    await expect.poll(() => client.isBlocked(), patience).toBe(true);
    expect(client.received).toBe('');
    upstream.script = () => undefined;
    upstream.say('250 2.1.0 Ok\r\n');
    client.send('QUIT\r\n');
    await expect.poll(() => client.closed, patience).toBe(true);
    const expected = `250 2.1.0 Ok\r\n${'250 2.0.0 Ok\r\n'.repeat(count)}221 2.0.0 Bye\r\n`;
    expect(client.received === expected).toBe(true);
    await nothingIsLeft(scene);
  });

  // Both ends of each are in this process.
  it.skipIf(mostOpenFiles < 11_000)(
    `that opens 5,000 connections and says nothing: ${excesses['opens 5,000 connections and says nothing']}`,
    async () => {
      const scene = await begin();
      const { relay, upstream } = scene;
      const client = await greetedClient(relay.port);
      const crowd: TestClient[] = [];
      while (crowd.length < 5000) {
        const batch = Array.from({ length: 250 }, () => TestClient.connect(relay.port));
        crowd.push(...(await Promise.all(batch)));
        for (const one of crowd.slice(-250)) expect(await one.reply()).toMatch(/^(220|421) /);
      }
      client.send(`${mail}${rcpt}DATA\r\n`);
      await replies(client, 3);
      client.send(text(subject));
      expect(await client.reply()).toBe('250 2.0.0 Ok: queued');
      expect(upstream.messages).toHaveLength(1);
      for (const one of [client, ...crowd]) one.end();
      // The relay has heard of every end once it greets again.
      await expect
        .poll(async () => {
          const next = await TestClient.connect(relay.port);
          const greeting = await next.reply();
          next.end();
          return greeting;
        }, patience)
        .toMatch(/^220 /);
      await nothingIsLeft(scene);
    },
  );
});
