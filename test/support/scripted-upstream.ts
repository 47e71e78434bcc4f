/**
 * A submission server whose every answer can be scripted. By default it behaves: STARTTLS where it has a
 * certificate, XOAUTH2 and OAUTHBEARER, any recipient, any message. It records what it was sent, octet for
 * octet, so that a test can compare what the client was told with what the upstream received.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, type SecureVersion, TLSSocket } from 'node:tls';
import { DrippingStream, SlowWriter } from './drip.js';

export interface ReceivedMessage {
  readonly user: string;
  readonly mail: string;
  readonly recipients: readonly string[];
  /** Dot-stuffed, with the end mark, latin1. */
  readonly data: string;
}

/** A connection, for acts of any kind: what is spoken on, and the TCP socket below it (the same one in clear). */
export interface Wire {
  readonly stream: Socket;
  readonly tcp: Socket;
}

/**
 * What to answer: reply lines, or an act: `silence`, `reset`, `close`; `drip` behaves, but lets the octets go (or,
 * of a message, come) one by one; `last` closes behind it; `act` has the connection for good, and no command that
 * still comes is answered. Undefined: behave.
 */
export type Answer = string | { readonly last: string } | { readonly act: (wire: Wire) => void } | undefined;

/**
 * The command line (`MAIL FROM:<…>`), or `greeting`, `tls` (its first octets), `body` (of a message, its first
 * octets), `end` (of a message) and, when the message is taken and only the reply is left, `taken`.
 */
export type Script = (event: string, session: { readonly number: number; readonly user: string }) => Answer;

export interface ScriptedUpstream {
  readonly port: number;
  readonly messages: ReceivedMessage[];
  /** Each line received, `[n] ` in front for the n-th connection. */
  readonly lines: string[];
  /** Each chunk of octets received in clear or decrypted, as it came. */
  readonly chunks: string[];
  /** Messages that were begun and whose end never came. */
  readonly truncated: string[];
  readonly connections: number;
  readonly open: number;
  /** Connections in the middle of a transaction. */
  readonly busy: number;
  script: Script;
  tls: UpstreamTls | undefined;
  /** Tokens that are accepted; undefined accepts any. */
  acceptedTokens: Set<string> | undefined;
  /** Says this, unasked or late, on every connection in clear. */
  say(text: string): void;
  /** Reads no more, on any connection in clear. */
  pause(): void;
  resume(): void;
  /** Cuts every connection. */
  reset(): void;
  /** Does this to every connection. */
  act(act: (wire: Wire) => void): void;
  close(): Promise<void>;
}

export interface UpstreamTls {
  readonly key: string;
  readonly cert: string;
  /** The newest version that it speaks. */
  readonly maxVersion?: SecureVersion;
}

export interface UpstreamOptions {
  readonly tls?: UpstreamTls | undefined;
  /** Default: a free one. */
  readonly port?: number;
  /** TLS from the first octet. */
  readonly implicitTls?: boolean;
  readonly extensions?: readonly string[];
  readonly script?: Script;
}

const defaultExtensions = [
  'PIPELINING',
  'SIZE 35882577',
  '8BITMIME',
  'SMTPUTF8',
  'ENHANCEDSTATUSCODES',
  'AUTH XOAUTH2 OAUTHBEARER',
];

export async function startScriptedUpstream(options: UpstreamOptions = {}): Promise<ScriptedUpstream> {
  const sockets = new Set<Socket>();
  const state = {
    messages: [] as ReceivedMessage[],
    lines: [] as string[],
    chunks: [] as string[],
    truncated: [] as string[],
    connections: 0,
    script: options.script ?? (() => undefined),
    tls: options.tls,
    acceptedTokens: undefined as Set<string> | undefined,
    get open() {
      return sockets.size;
    },
    sessions: new Set<Session>(),
    get busy() {
      return [...this.sessions].filter((session) => session.isBusy()).length;
    },
  };
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    serve(socket, ++state.connections, state, options);
  });
  const port = await listen(server, options.port ?? 0);
  return Object.assign(state, {
    port,
    say: (text: string) => {
      for (const socket of sockets) socket.write(text, 'latin1');
    },
    pause: () => {
      for (const socket of sockets) socket.pause();
    },
    resume: () => {
      for (const socket of sockets) socket.resume();
    },
    reset: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    act: (act: (wire: Wire) => void) => {
      for (const session of state.sessions) act(session.wire());
    },
    close: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  });
}

interface Session {
  isBusy(): boolean;
  wire(): Wire;
}

type State = Pick<
  ScriptedUpstream,
  'messages' | 'lines' | 'chunks' | 'truncated' | 'script' | 'tls' | 'acceptedTokens'
> & { readonly sessions: Set<Session> };

function serve(first: Socket, number: number, state: State, options: UpstreamOptions): void {
  let socket = first;
  let secured = false;
  /** The script has taken the connection over. */
  let taken = false;
  const slow = new SlowWriter((text) => socket.writable && socket.write(text, 'latin1'));
  let buffer = '';
  let mode: 'command' | 'auth' | 'auth-failed' | 'data' = 'command';
  let user = '';
  let mail = '';
  let recipients: string[] = [];
  let bodySeen = false;
  let body: string[] = [];
  /** The last octets of the body so far, for an end mark in two chunks. */
  let tail = '';
  const session: Session = {
    isBusy: () => mail !== '' || mode === 'data',
    wire: () => ({ stream: socket, tcp: first }),
  };
  state.sessions.add(session);
  first.on('close', () => state.sessions.delete(session));

  const attach = (next: Socket) => {
    socket = next;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1');
      state.chunks.push(text);
      buffer += text;
      consume();
    });
    socket.on('close', () => {
      if (mode === 'data') state.truncated.push(body.join('') + buffer);
    });
  };

  /** True when the script has answered. */
  const scripted = (event: string): boolean => {
    const answer = state.script(event, { number, user });
    if (answer === undefined) return false;
    if (answer === 'drip') {
      if (event === 'body') readSlowly(socket);
      else slow.begin();
      return false;
    }
    if (answer === 'silence') return true;
    if (answer === 'reset') first.resetAndDestroy();
    else if (typeof answer === 'object' && 'act' in answer) {
      taken = true;
      answer.act({ stream: socket, tcp: first });
    } else if (answer === 'close' || typeof answer === 'object') {
      socket.end(typeof answer === 'object' ? answer.last : '', 'latin1');
      socket.removeAllListeners('data').resume();
    } else socket.write(answer, 'latin1');
    return true;
  };

  const reply = (text: string, then?: () => void) => slow.write(`${text}\r\n`, then);

  /** TLS, from the client's first octets on. */
  const startTls = () => {
    secured = true;
    socket.removeAllListeners('data').once('data', (hello: Buffer) => {
      socket.pause();
      socket.unshift(hello);
      if (scripted('tls')) return;
      attach(secure(slow.isSlow ? new DrippingStream(socket) : socket, socket, state.tls));
      slow.end();
      if (options.implicitTls) greet();
    });
  };
  const greet = () => {
    if (!scripted('greeting')) reply('220 scripted.example ESMTP');
  };

  const mayServe = () => socket.writable && !taken;

  function consume(): void {
    while (mayServe()) {
      if (mode === 'data') {
        if (!bodySeen && buffer.length > 0) {
          bodySeen = true;
          if (scripted('body')) return;
        }
        const found = (tail + buffer).indexOf('\r\n.\r\n');
        if (found < 0) {
          body.push(buffer);
          tail = (tail + buffer).slice(-4);
          buffer = '';
          return;
        }
        const end = found + '\r\n.\r\n'.length - tail.length;
        const data = body.join('') + buffer.slice(0, end);
        buffer = buffer.slice(end);
        mode = 'command';
        if (!scripted('end')) {
          state.messages.push({ user, mail, recipients, data });
          if (!scripted('taken')) reply('250 2.0.0 Ok: queued');
        }
        mail = '';
        recipients = [];
        continue;
      }
      const end = buffer.indexOf('\r\n');
      if (end < 0) return;
      const line = buffer.slice(0, end);
      buffer = buffer.slice(end + 2);
      state.lines.push(`[${number}] ${line}`);
      if (mode === 'auth') authenticate(line);
      else if (mode === 'auth-failed') {
        mode = 'command';
        reply('535 5.7.8 Authentication failed');
      } else if (!scripted(line)) command(line);
    }
  }

  function command(line: string): void {
    const verb = line.split(' ')[0]!.toUpperCase();
    if (verb === 'EHLO') {
      const offered = [...(options.extensions ?? defaultExtensions)];
      if (state.tls !== undefined && !secured) offered.push('STARTTLS');
      reply(
        ['scripted.example', ...offered]
          .map((text, index) => `250${index === offered.length ? ' ' : '-'}${text}`)
          .join('\r\n'),
      );
    } else if (verb === 'STARTTLS') {
      reply('220 2.0.0 Go ahead', startTls);
    } else if (verb === 'AUTH') {
      const response = line.split(' ')[2];
      if (response === undefined) {
        mode = 'auth';
        reply('334 ');
      } else authenticate(response);
    } else if (verb === 'MAIL' && mail !== '') {
      reply('503 5.5.1 nested MAIL');
    } else if (verb === 'MAIL') {
      mail = line;
      recipients = [];
      reply('250 2.1.0 Ok');
    } else if (verb === 'RSET') {
      mail = '';
      reply('250 2.0.0 Ok');
    } else if (verb === 'RCPT') {
      recipients.push(line);
      reply('250 2.1.5 Ok');
    } else if (verb === 'DATA') {
      mode = 'data';
      bodySeen = false;
      body = [];
      tail = '\r\n';
      reply('354 End data with <CR><LF>.<CR><LF>');
    } else if (verb === 'QUIT') {
      reply('221 2.0.0 Bye', () => socket.end());
    } else reply('250 2.0.0 Ok');
  }

  function authenticate(base64: string): void {
    const text = Buffer.from(base64, 'base64').toString('utf8');
    const token = /auth=Bearer ([^\x01]*)\x01/.exec(text)?.[1] ?? '';
    user = /^(?:user=|n,a=)([^\x01,]*)/.exec(text)?.[1] ?? '';
    mode = 'command';
    if (state.acceptedTokens === undefined || state.acceptedTokens.has(token))
      return reply('235 2.7.0 Accepted');
    mode = 'auth-failed';
    reply(`334 ${Buffer.from('{"status":"401","schemes":"Bearer"}').toString('base64')}`);
  }

  if (options.implicitTls) startTls();
  else {
    attach(first);
    greet();
  }
}

function secure(below: Socket | DrippingStream, socket: Socket, tls: UpstreamTls | undefined): TLSSocket {
  if (tls === undefined) throw new Error('a certificate is needed for TLS');
  const old = tls.maxVersion?.startsWith('TLSv1.1')
    ? ({ minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' } as const)
    : {};
  const secureContext = createSecureContext({ ...tls, ...old });
  const stream = new TLSSocket(below, { isServer: true, secureContext });
  stream.on('close', () => socket.destroy());
  stream.on('end', () => stream.destroy());
  return stream;
}

/** A little at a time, and each time not before everything else had its turn. */
function readSlowly(stream: Socket): void {
  stream.pause();
  const sip = () => {
    if (stream.destroyed) return;
    stream.read(1 + Math.floor(stream.readableLength / 2));
    setImmediate(sip);
  };
  setImmediate(sip);
}

function listen(server: Server, wanted: number): Promise<number> {
  return new Promise((resolve) => {
    server.listen(wanted, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}
