/**
 * A submission server that keeps count, with moods: at each stage of each session it is asked how to behave, and it
 * refuses, talks nonsense, stalls or hangs up accordingly. It knows of every message whether it came whole, whether
 * it was accepted, and whether its client was told so. With a certificate it wants STARTTLS before anything else.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { Certificate } from '../test/support/certificates.js';
import { SinkSession } from './sink-session.js';

/** `body`: its first octets have come. `end`: all of it has. `idle`: a message was accepted, nothing else is due. */
export type Stage =
  'greeting' | 'ehlo' | 'starttls' | 'auth' | 'mail' | 'rcpt' | 'data' | 'body' | 'end' | 'idle' | 'other';

export type Act =
  | { readonly kind: 'behave' }
  /** These octets instead of the proper reply; at `end` the message is accepted only by a 2yz. */
  | { readonly kind: 'say'; readonly text: string; readonly then?: 'reset' | 'close' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'close' }
  /** At `end` only: accepts the message, and resets the connection instead of saying so. */
  | { readonly kind: 'drop' }
  /** Is silent for so long, and at `body` reads nothing; then behaves. */
  | { readonly kind: 'wait'; readonly ms: number }
  /** Behaves, with so long between the octets of its reply. */
  | { readonly kind: 'drip'; readonly ms: number };

export const behave: Act = { kind: 'behave' };

export interface Connection {
  readonly number: number;
  /** By performance.now(); undefined while it is open. */
  closedAt: number | undefined;
}

export interface SunkMessage {
  /** Unique; a proper reply to the message ends with `queued as ID`. */
  readonly id: string;
  readonly connection: Connection;
  readonly mail: string;
  /** The RCPT lines that were accepted. */
  readonly recipients: readonly string[];
  /** Dot-stuffed, latin1; with the end mark unless it was cut. */
  readonly data: string;
  /** `cut`: the connection ended first. `refused`: whole, and not accepted. */
  readonly outcome: 'cut' | 'refused' | 'accepted';
  /** `owed`: accepted, but the connection is gone before that could be said. `withheld`: see the act `drop`. */
  answer: 'none' | 'owed' | 'given' | 'withheld';
}

export interface Temper {
  mood: (stage: Stage, connection: Connection) => Act;
  /** Called once for each message; its `answer` may change later. */
  readonly onMessage: (message: SunkMessage) => void;
  /** Asked about the token of a session at AUTH and at each MAIL; by default any is good. */
  readonly accepts?: (token: string) => boolean;
}

export interface Sink extends Temper {
  readonly port: number;
  /** So far. */
  readonly connections: number;
  /** Now. */
  readonly open: number;
  /** Cuts all connections. */
  hangUp(): void;
  stop(): Promise<void>;
}

/** Listens on a port of 127.0.0.1; `mood` can be changed at any time. */
export async function startSink(temper: Temper, certificate?: Certificate): Promise<Sink> {
  const tls = certificate && createSecureContext({ key: certificate.key, cert: certificate.certificate });
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    const connection: Connection = { number: ++sink.connections, closedAt: undefined };
    socket.on('error', () => undefined);
    socket.on('close', () => {
      connection.closedAt = performance.now();
      sockets.delete(socket);
    });
    void new SinkSession(socket, connection, sink, tls).serve();
  });
  const sink = {
    ...temper,
    port: 0,
    connections: 0,
    get open() {
      return sockets.size;
    },
    hangUp() {
      for (const socket of sockets) socket.destroy();
    },
    async stop() {
      sink.hangUp();
      server.close();
      await once(server, 'close');
    },
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  sink.port = (server.address() as AddressInfo).port;
  return sink;
}
