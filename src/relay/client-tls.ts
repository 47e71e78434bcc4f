/**
 * How a client's connection comes to TLS: the look at the first octet, where one port serves both, and the handshake
 * within its time. What is said in it is client-connection.ts's business.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../core/clock.js';
import { reasonOf, type ServerCertificate } from './server-certificate.js';

/** As long as a client of ours waits (states.ts). */
export const handshakeMs = 30_000;
/**
 * How long a client of a port of both kinds may keep silent before it is greeted in clear. Who wants TLS at once
 * begins as soon as it is connected, which takes one way there and back: half a second reaches around the world.
 */
const firstOctetMs = 500;
/** A TLS record with a handshake message (RFC 8446, 5.1); no command of SMTP begins with it. */
const handshakeRecord = 0x16;

export interface ConnectionTls {
  readonly mode: 'starttls' | 'implicit' | 'auto';
  readonly certificate: ServerCertificate;
  readonly clock: Clock;
  /** Gets why a handshake came to nothing. */
  readonly failed: (cause: string) => void;
}

export type Opening = 'silence' | 'tls' | 'words';

/** What a client does that has not been greeted. The socket is paused again; what TLS needs is still in it. */
export function lookAtOpening(socket: Socket, clock: Clock, then: (opening: Opening) => void): void {
  const settle = (opening: Opening, octets?: Buffer) => {
    timer.cancel();
    socket.off('data', look);
    socket.off('close', gone);
    socket.off('end', gone);
    socket.pause();
    if (opening === 'tls') socket.unshift(octets);
    then(opening);
  };
  const look = (octets: Buffer) => settle(octets[0] === handshakeRecord ? 'tls' : 'words', octets);
  const gone = () => settle('silence');
  const timer = clock.setTimer(firstOctetMs, () => settle('silence'));
  socket.on('data', look);
  socket.resume();
  socket.on('close', gone);
  socket.on('end', gone);
}

/**
 * TLS over a client's socket, which must be paused. `then` is called once, when it can be used; else it is destroyed,
 * and `failed` was told, unless the client went without a word, as those do that only look whether a port is open.
 */
export function acceptTls(raw: Socket, { certificate, failed }: ConnectionTls, then: () => void): TLSSocket {
  const begun = raw.readableLength > 0;
  const before = raw.bytesRead;
  const socket = new TLSSocket(raw, { isServer: true, secureContext: certificate.secureContext });
  const fail = (cause: string) => {
    settle();
    if (begun || raw.bytesRead > before) failed(cause);
    socket.destroy();
  };
  const onError = (error: Error) => fail(reasonOf(error));
  const onEnd = () => fail('the client closed the connection');
  const onSecure = () => {
    settle();
    then();
  };
  const settle = () => {
    socket.off('error', onError);
    socket.off('end', onEnd);
    socket.off('secure', onSecure);
  };
  socket.on('error', onError);
  socket.on('end', onEnd);
  socket.on('secure', onSecure);
  return socket;
}
