/**
 * Stands between one account and its OpenID provider, passes questions and answers on, and knows what a client can't:
 * which refresh token is the newest that the provider gave, and how far its answer came. At the stage that was chosen
 * it strikes, and the rest of the exchange never happens.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';

/** The provider rotates the token between `asked` and `rotated`. */
export const stages = ['connected', 'asked', 'rotated', 'half answered', 'answered'] as const;
export type Stage = (typeof stages)[number];

export interface Strike {
  readonly stage: Stage;
  readonly kill: () => void;
}

export class Desk {
  readonly url: string;
  /** Of the life that is going on. */
  questions = 0;
  /** All of the answer was given to the network. */
  answered = false;
  /** The newest refresh token that the provider gave. */
  newest = '';
  #strike: Strike | undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #exchanges = new Set<Promise<void>>();
  readonly #tokenEndpoint: string;

  private constructor(server: Server, tokenEndpoint: string) {
    this.#server = server;
    this.#tokenEndpoint = tokenEndpoint;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  }

  static async open(tokenEndpoint: string): Promise<Desk> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const desk = new Desk(server, tokenEndpoint);
    server.on('connection', (socket) => {
      desk.#sockets.add(socket);
      socket.once('close', () => desk.#sockets.delete(socket));
      desk.#reach('connected');
    });
    server.on('request', (request, response) => {
      // A client that died in the middle is what this is for.
      const exchange = desk.#pass(request, response).catch(() => undefined);
      desk.#exchanges.add(exchange);
      void exchange.then(() => desk.#exchanges.delete(exchange));
    });
    return desk;
  }

  /** A new life begins, which ends at the stage of `strike`, if there is one. */
  expect(strike: Strike | undefined): void {
    this.questions = 0;
    this.answered = false;
    this.#strike = strike;
  }

  /** Resolves when all that a dead client has sent is dealt with: its question may have outlived it. */
  async settle(): Promise<void> {
    this.#strike = undefined;
    // Who comes last is let in last.
    await fetch(this.url, { headers: { connection: 'close' } });
    for (;;) {
      await Promise.all(this.#exchanges);
      const [open] = this.#sockets;
      if (open === undefined) return;
      await once(open, 'close');
    }
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'GET') return void response.end();
    const question = await text(request);
    this.questions++;
    if (this.#reach('asked')) return;
    const answer = await fetch(this.#tokenEndpoint, {
      method: 'POST',
      headers: { 'content-type': request.headers['content-type'] ?? '' },
      body: question,
    });
    const body = await answer.text();
    const { refresh_token: rotated } = JSON.parse(body) as { refresh_token?: string };
    if (rotated !== undefined) this.newest = rotated;
    // Who is gone already hears nothing, nor does a response to nobody ever end.
    if (this.#reach('rotated') || response.closed || request.socket.destroyed) return;
    response.writeHead(answer.status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    });
    if (this.#strike?.stage === 'half answered') {
      await new Promise((resolve) => response.write(body.slice(0, body.length / 2), resolve));
      this.#reach('half answered');
      return;
    }
    // Before it is sent: whether it has arrived when a kill comes in between cannot be known.
    this.answered = true;
    response.end(body);
    await Promise.race([once(response, 'finish'), once(response, 'close')]);
    this.#reach('answered');
  }

  /** Whether it struck. */
  #reach(stage: Stage): boolean {
    if (this.#strike?.stage !== stage) return false;
    this.#strike.kill();
    this.#strike = undefined;
    this.#server.closeAllConnections();
    return true;
  }
}
