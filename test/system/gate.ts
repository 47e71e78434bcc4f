/**
 * A gate in front of a TCP server of 127.0.0.1: open it lets connections through untouched, shut it hangs up at
 * once, as a crashed service behind a living host does. It starts open, and counts who comes.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Gate {
  readonly port: number;
  /** So far. */
  readonly connections: number;
  open(): void;
  /** Connections that exist are cut. */
  shut(): void;
  stop(): Promise<void>;
}

export async function startGate(targetPort: number): Promise<Gate> {
  const sockets = new Set<Socket>();
  let isOpen = true;
  let connections = 0;
  const cut = (): void => sockets.forEach((socket) => void socket.destroy());
  const server = createServer((client) => {
    connections++;
    if (!isOpen) {
      client.destroy();
      return;
    }
    const target = connect(targetPort, '127.0.0.1');
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    open() {
      isOpen = true;
    },
    shut() {
      isOpen = false;
      cut();
    },
    async stop() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
