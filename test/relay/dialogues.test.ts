/** Replays the stories of test/dialogues; their notation is explained there. */
import { readdirSync, readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { startTestRelay, testAccount } from '../support/relay-under-test.js';
import { afterwards } from './scene.js';

const directory = fileURLToPath(new URL('../dialogues/', import.meta.url));
const stories = readdirSync(directory).filter((name) => name.endsWith('.txt'));

const patience = { interval: 2, timeout: 10_000 };

interface Step {
  readonly mark: string;
  readonly text: string;
  /** `file:line`, for a failure's message. */
  readonly where: string;
}

function read(name: string): Step[] {
  const lines = readFileSync(directory + name, 'utf8')
    .trimEnd()
    .split('\n');
  return lines.flatMap((line, index): Step[] => {
    if (line.startsWith('#')) return [];
    if (line.startsWith('@')) return read(`${line.slice(1)}.part`);
    const text = line.slice(3).replaceAll('\\r', '\r').replaceAll('\\n', '\n');
    return [{ mark: line.slice(0, 2), text, where: `${name}:${index + 1}` }];
  });
}

/** One end of a connection that the test holds. */
interface Line {
  say(text: string): void;
  close(): void;
  /** The next line is this one. */
  hears(text: string, where: string): Promise<void>;
  ends(where: string): Promise<void>;
  /** What was said and no step has told of. */
  unheard(): string;
}

function lineOver(socket: Socket): Line {
  let received = '';
  socket.on('data', (chunk) => (received += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  afterwards(async () => void socket.destroy());
  return {
    say: (text) => void socket.write(text, 'latin1'),
    close: () => void socket.end(),
    hears: async (text, where) => {
      await expect.poll(() => received, { ...patience, message: where }).toContain('\r\n');
      const end = received.indexOf('\r\n');
      const line = received.slice(0, end);
      received = received.slice(end + 2);
      const parts = text.split('[...]').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
      expect([where, line]).toEqual([where, expect.stringMatching(new RegExp(`^${parts.join('.*')}$`, 's'))]);
    },
    ends: (where) => expect.poll(() => socket.closed, { ...patience, message: where }).toBe(true),
    unheard: () => received,
  };
}

/** An upstream that does nothing by itself; `next` is its next connection. */
async function openUpstream(): Promise<{ port: number; next: () => Promise<Line> }> {
  const waiting: Line[] = [];
  const server = createServer((socket) => void waiting.push(lineOver(socket)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterwards(() => new Promise((resolve) => server.close(() => resolve())));
  const next = async () => {
    await expect.poll(() => waiting.length, patience).toBeGreaterThan(0);
    return waiting.shift()!;
  };
  return { port: (server.address() as { port: number }).port, next };
}

it.each(stories)('%s', async (name) => {
  const upstreams = await openUpstream();
  const account = testAccount('a@example.org', upstreams.port);
  account.token = 'token';
  const relay = await startTestRelay([account]);
  afterwards(() => relay.close());
  const client = lineOver(connect({ port: relay.port, host: '127.0.0.1', noDelay: true }));
  let upstream: Line | undefined;
  const steps = read(name);
  for (const [index, { mark, text, where }] of steps.entries()) {
    if (mark === 'C:') {
      // Lines in a row leave in one write, with the last of them.
      let from = index;
      while (steps[from - 1]?.mark === 'C:') from--;
      const group = steps.slice(from, index + 1).map((step) => `${step.text}\r\n`);
      if (steps[index + 1]?.mark !== 'C:') client.say(group.join(''));
    } else if (mark === 'S:') await client.hears(text, where);
    else if (mark === 'U>') await upstream!.hears(text, where);
    else if (mark === 'U<') upstream!.say(`${text}\r\n`);
    else if (mark === 'U+') upstream = await upstreams.next();
    else if (mark === 'U-') await upstream!.ends(where);
    else if (mark === 'C-') client.close();
    else if (mark === 'S-') await client.ends(where);
    else throw new Error(`${where}: no such step as ${mark}`);
  }
  expect([client.unheard(), upstream?.unheard()]).toEqual(['', '']);
});
