/**
 * Sockets that read into one buffer that all share. Node otherwise allocates 64 KiB for each read and leaves it to
 * the garbage collector, which costs a relay of large messages half of its time and its memory. What they bring is
 * therefore only lent: whoever keeps it copies it.
 *
 * Node offers this for sockets that it connects (`onread`). One that it has accepted, or that TLS was put over, is made
 * the same by what that option does inside, which is not documented: where it is not found as expected, the socket
 * reads as any other.
 */
import { connect, type OnReadOpts, Socket, type TcpNetConnectOpts } from 'node:net';

const sharedBuffer = Buffer.allocUnsafeSlow(65_536);

/** Its first octets, so many as commands and replies have, made once for each number: a view costs as much as a line. */
const views: (Buffer | undefined)[] = new Array(2_048);

function lent(octets: number): Buffer {
  if (octets >= views.length) return sharedBuffer.subarray(0, octets);
  return (views[octets] ??= sharedBuffer.subarray(0, octets));
}

/** As `connect` of node:net. */
export function connectShared(options: TcpNetConnectOpts): Socket {
  const onread: OnReadOpts = {
    buffer: sharedBuffer,
    callback: (octets) => socket.emit('data', lent(octets)),
  };
  const socket: Socket = connect({ ...options, onread });
  return socket;
}

type Hidden = Record<symbol, unknown> & { _handle?: { useUserBuffer?: (buffer: Uint8Array) => void } | null };

/** The properties in which a socket keeps its `onread`. */
const [bufferKey, callbackKey] = ['kBuffer', 'kBufferCb'].map((name) =>
  Object.getOwnPropertySymbols(new Socket()).find(({ description }) => description === name),
);

/** Reads from a socket that holds nothing yet: `take` gets what comes, and no listener for `data` does. */
export function readShared(socket: Socket, take: (lent: Buffer) => void): void {
  const hidden = socket as unknown as Hidden;
  if (hidden._handle?.useUserBuffer && bufferKey !== undefined && callbackKey !== undefined) {
    hidden[bufferKey] = sharedBuffer;
    hidden[callbackKey] = (octets: number) => take(lent(octets));
    hidden._handle.useUserBuffer(sharedBuffer);
  } else {
    socket.on('data', take);
  }
  socket.resume();
}
