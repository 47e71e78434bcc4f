/** A proxy that knows CONNECT and nothing else, over http or https, and keeps whom it was asked for. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';

export interface ConnectProxy {
  readonly url: URL;
  readonly connects: readonly { readonly target: string; readonly authorization: string | undefined }[];
  close(): Promise<void>;
}

/** Refuses with `refuseWith` (an HTTP status) when that is given. */
export async function startConnectProxy(
  options: { tls?: Readonly<{ certificate: string; key: string }>; refuseWith?: number } = {},
): Promise<ConnectProxy> {
  const { tls, refuseWith } = options;
  const connects: { target: string; authorization: string | undefined }[] = [];
  const sockets = new Set<Socket>();
  const server: Server = tls ? createTlsServer({ cert: tls.certificate, key: tls.key }) : createServer();
  server.on('connect', (request: IncomingMessage, client: Socket) => {
    const target = request.url ?? '';
    connects.push({ target, authorization: request.headers['proxy-authorization'] });
    sockets.add(client);
    client.on('error', () => client.destroy());
    if (refuseWith !== undefined) {
      client.end(`HTTP/1.1 ${refuseWith} No\r\n\r\n`);
      return;
    }
    const [host, port] = target.split(':');
    const upstream = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      client.pipe(upstream).pipe(client);
    });
    sockets.add(upstream);
    upstream.on('error', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: new URL(`${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`),
    connects,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
