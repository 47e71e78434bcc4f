import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { QuickWriter } from '../../src/relay/quick-writer.js';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A socket that was connected, and the one that it is connected to, which does not read yet. */
async function pair(): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const near = connect(address.port, '127.0.0.1');
  const [far] = (await once(server, 'connection')) as [Socket];
  if (near.connecting) await once(near, 'connect');
  closing.push(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  return { near, far };
}

async function allOf(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket.setEncoding('latin1')) text += String(chunk);
  return text;
}

it('says that the kernel has a short text, at once', async () => {
  const { near, far } = await pair();
  const writer = new QuickWriter(near, () => undefined);
  expect(writer.write('250 \xfc\r\n')).toBe(true);
  expect(writer.isIdle).toBe(true);
  near.end();
  expect(await allOf(far)).toBe('250 \xfc\r\n');
});

it('keeps the order of texts and of what is written to the socket, and the end comes after them', async () => {
  const { near, far } = await pair();
  const drained: string[] = [];
  const writer = new QuickWriter(near, () => drained.push('drained'));
  const sent: string[] = [];
  const all = [];
  // More than the buffers of both ends hold.
  for (let number = 0; number < 200; number++) {
    const large = `${String(number).repeat(40_000)}\r\n`;
    const small = `command ${number}\r\n`;
    sent.push(large, small);
    near.write(large);
    all.push(writer.write(small));
  }
  expect(all.at(-1)).toBe(false);
  expect(writer.isIdle).toBe(false);
  expect(drained).toEqual([]);
  near.end();
  // Compared so that a failure does not print megabytes.
  expect((await allOf(far)) === sent.join('')).toBe(true);
});

it('tells once that all has left, after it was too much', async () => {
  const { near, far } = await pair();
  let drained = 0;
  const writer = new QuickWriter(near, () => drained++);
  const text = 'x'.repeat(100_000);
  let octets = 0;
  do octets += text.length;
  while (writer.write(text));
  writer.write(text);
  octets += text.length;
  let received = 0;
  far.on('data', (chunk) => (received += chunk.length));
  far.resume();
  await expect.poll(() => received).toBe(octets);
  await expect.poll(() => drained).toBe(1);
  expect(writer.isIdle).toBe(true);
});

it('destroys the socket when the other end is gone', async () => {
  const { near, far } = await pair();
  const writer = new QuickWriter(near, () => undefined);
  const failed = once(near, 'error');
  near.resume();
  far.resetAndDestroy();
  const timer = setInterval(() => writer.write('NOOP\r\n'), 1);
  closing.push(() => clearInterval(timer));
  const [error] = (await failed) as [NodeJS.ErrnoException];
  expect(['ECONNRESET', 'EPIPE']).toContain(error.code);
  expect(near.destroyed).toBe(true);
});
