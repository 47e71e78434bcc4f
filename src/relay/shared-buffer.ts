/**
 * Sockets that read into one buffer that all share. Node otherwise allocates 64 KiB for each read and leaves it to
 * the garbage collector, which costs a relay of large messages half of its time and its memory. What their `data`
 * events bring is therefore only lent: whoever keeps it copies it.
 *
 * Node offers this for sockets that it connects (`onread`), and for an accepted one only through the socket's handle,
 * which is not a documented property. Where there is none, the socket reads as any other.
 */
import { connect, type OnReadOpts, Socket, type TcpNetConnectOpts } from 'node:net';

const sharedBuffer = Buffer.allocUnsafeSlow(65_536);

/** As `connect` of node:net. */
export function connectShared(options: TcpNetConnectOpts): Socket {
  const socket: Socket = connect({ ...options, onread: readingInto(() => socket) });
  return socket;
}

/** Takes over a paused socket that a server has accepted. Use what is returned, and no longer what was given. */
export function acceptShared(accepted: Socket): Socket {
  const { _handle: handle } = accepted as unknown as { _handle: object | null | undefined };
  if (!handle) return accepted;
  const { allowHalfOpen } = accepted;
  const socket: Socket = new Socket({ handle, allowHalfOpen, onread: readingInto(() => socket) } as object);
  // The server counts the socket that it has made; without its handle, that one only reports its end.
  socket.once('close', () => {
    (accepted as unknown as { _handle: null })._handle = null;
    accepted.destroy();
  });
  return socket;
}

function readingInto(socket: () => Socket): OnReadOpts {
  return {
    buffer: sharedBuffer,
    callback: (octets) => socket().emit('data', sharedBuffer.subarray(0, octets)),
  };
}
