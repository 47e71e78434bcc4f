/**
 * What most tests of the relay start from: a scripted upstream, an account at it, the relay between it and the
 * test's own client. Whatever was started is closed after each test.
 */
import { onTestFinished } from 'vitest';
import type { RelaySettings } from '../../src/config/config.js';
import type { Clock } from '../../src/core/clock.js';
import { VirtualClock } from '../support/virtual-clock.js';
import {
  endClients,
  type RelayUnderTest,
  startTestRelay,
  type TestAccount,
  testAccount,
  type TestClient,
} from '../support/relay-under-test.js';
import {
  type ScriptedUpstream,
  startScriptedUpstream,
  type UpstreamOptions,
} from '../support/scripted-upstream.js';

/** Called after the test, the last one first, when no client is there any more. */
export function afterwards(close: () => Promise<void>): void {
  onTestFinished(() => {
    endClients();
    return close();
  });
}

export async function upstreamWith(options?: UpstreamOptions): Promise<ScriptedUpstream> {
  const upstream = await startScriptedUpstream(options);
  afterwards(() => upstream.close());
  return upstream;
}

export async function relayWith(...args: Parameters<typeof startTestRelay>): Promise<RelayUnderTest> {
  const relay = await startTestRelay(...args);
  const [, , clock] = args;
  afterwards(() => closeRelay(relay, clock));
  return relay;
}

/** Stopping may wait for messages in flight: no longer than it must, on a clock that can be moved. */
export async function closeRelay(relay: RelayUnderTest, clock?: Clock): Promise<void> {
  const closed = relay.close();
  if (clock instanceof VirtualClock) await clock.advance(31_000);
  await closed;
}

export interface Scene {
  readonly upstream: ScriptedUpstream;
  readonly account: TestAccount;
  readonly relay: RelayUnderTest;
}

/** The account is a@example.org. */
export async function oneAccount(
  options?: UpstreamOptions,
  settings?: Partial<RelaySettings>,
  clock?: Clock,
): Promise<Scene> {
  const upstream = await upstreamWith(options);
  const account = testAccount('a@example.org', upstream.port);
  const relay = await relayWith([account], settings, clock);
  return { upstream, account, relay };
}

export const mail = 'MAIL FROM:<a@example.org>\r\n';
export const rcpt = 'RCPT TO:<x@example.net>\r\n';
export const envelope = `${mail}${rcpt}DATA\r\n`;
export const message = 'Subject: hi\r\n\r\n..dotted\r\n\xe4 8-bit\r\n.\r\n';

export async function replies(client: TestClient, count: number): Promise<string[]> {
  const read = [];
  while (read.length < count) read.push(await client.reply());
  return read;
}

/** The four replies to a message whose envelope is pipelined. */
export async function submit(client: TestClient, text = message, before = envelope): Promise<string[]> {
  client.send(before);
  const toEnvelope = await replies(client, 3);
  client.send(text);
  return [...toEnvelope, await client.reply()];
}
