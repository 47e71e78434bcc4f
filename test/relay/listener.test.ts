/** The relay's ports as such. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import { plainListener } from '../../src/config/listener.js';
import { greetedClient, testAccount, TestClient } from '../support/relay-under-test.js';
import { afterwards, closeRelay, oneAccount, relayWith, submit } from './scene.js';

describe('a port of the relay', () => {
  it('goes on when connections cannot be accepted, as when file descriptors run out', async () => {
    let server: Server | undefined;
    const channel = 'net.server.socket';
    const look = (event: unknown) => {
      server ??= (event as { socket: Socket & { server: Server } }).socket.server;
    };
    const { relay } = await oneAccount();
    subscribe(channel, look);
    const client = await TestClient.connect(relay.port);
    await client.reply();
    unsubscribe(channel, look);
    for (let count = 0; count < 3; count++)
      server?.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
    const said = () => relay.log.filter(({ message }) => message.includes('could not be accepted'));
    expect(said()).toHaveLength(1);
    expect((await submit(await greetedClient(relay.port))).at(-1)).toBe('250 2.0.0 Ok: queued');
    await closeRelay(relay);
    expect(said().map(({ fields }) => fields['times'])).toEqual([undefined, 2]);
  });

  it('that is taken ends the start with what to do, and leaves the others closed', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    afterwards(() => new Promise((resolve) => holder.close(() => resolve())));
    const { port } = holder.address() as { port: number };
    const free = createServer();
    await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
    const other = (free.address() as { port: number }).port;
    await new Promise((resolve) => free.close(resolve));
    const listen = [other, port].map((port) => plainListener({ host: '127.0.0.1', port }));
    await expect(relayWith([testAccount('a@example.org', 1)], { listen })).rejects.toMatchObject({
      code: 'listen-failed',
      message: expect.stringContaining(`127.0.0.1:${port}`),
      hint: expect.stringContaining('another program has the port'),
    });
    const again = await relayWith([testAccount('a@example.org', 1)], { listen: [listen[0]!] });
    expect(again.port).toBe(other);
  });

  it('is 2525 of both loopback addresses when nothing is configured', async () => {
    const started = relayWith([testAccount('a@example.org', 1)], { listen: undefined });
    const outcome = await started.then(
      ({ addresses }) => addresses.map(({ host, port }) => `${host} ${port}`),
      (error: unknown) => error,
    );
    if (Array.isArray(outcome)) {
      expect(outcome).toEqual(hasIPv6() ? ['127.0.0.1 2525', '::1 2525'] : ['127.0.0.1 2525']);
    } else {
      // Something else on this machine has one of them, and the relay says which.
      expect(outcome).toMatchObject({
        code: 'listen-failed',
        message: expect.stringMatching(/^cannot listen on (?:127\.0\.0\.1|::1):2525: .*EADDRINUSE/),
      });
    }
  });
});

function hasIPv6(): boolean {
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === '::1'),
  );
}
