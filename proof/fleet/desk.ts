/**
 * The token endpoint of all accounts, which rotates strictly: a refresh token works once, and one that comes again ends the
 * sign-in. It knows what a fleet must not do: ask twice at once for an account, or lose what it was given. A loss counts
 * as nobody's fault only if the process that had been answered was killed within a moment.
 */
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../random.js';

export interface DeskOptions {
  readonly random: Random;
  readonly tokenSeconds: number;
  /** A sign-in has ended; resolves when there is a new one. */
  readonly onEnd: (account: string) => void;
}

interface SignIn {
  number: number;
  /** Who got the newest token, and when, by performance.now(). */
  answered: { readonly daemon: number; readonly at: number } | undefined;
  asking: number;
  /** Until the token of the new sign-in is shown: daemons may have read the old one before. */
  ended: boolean;
}

/**
 * An answer that came so shortly before a kill, or before the end of the socket was noticed, may have died with the process.
 * On a busy machine this process pauses too, and hears of the end so much later.
 */
const momentMs = 1_000;
const latencyMs = [3, 30] as const;

export class StrictDesk {
  readonly port: number;
  readonly faults: string[] = [];
  refreshes = 0;
  /** Answers that died with the process that they were given to. */
  diedWithProcess = 0;
  readonly #server: Server;
  readonly #options: DeskOptions;
  readonly #signIns = new Map<string, SignIn>();
  readonly #pauses = monitorEventLoopDelay();
  readonly #kills: { readonly daemon: number; readonly at: number }[] = [];
  readonly #expiry = new Map<string, number>();

  private constructor(server: Server, options: DeskOptions) {
    this.#server = server;
    this.#options = options;
    this.port = (server.address() as AddressInfo).port;
    this.#pauses.enable();
  }

  static async start(options: DeskOptions): Promise<StrictDesk> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const desk = new StrictDesk(server, options);
    server.on('request', (request, response) => void desk.#serve(request, response).catch(() => undefined));
    return desk;
  }

  /** Each daemon has a URL of its own. */
  url(daemon: number): string {
    return `http://127.0.0.1:${this.port}/${daemon}`;
  }

  /** What a person's sign-in gives: a refresh token, and an access token that has no life left. */
  signIn(account: string): string {
    const signIn = this.#signIns.get(account) ?? { number: 0, answered: undefined, asking: 0, ended: false };
    signIn.number += 2;
    signIn.answered = undefined;
    this.#signIns.set(account, signIn);
    return JSON.stringify({ access_token: '', expiry: '0', refresh_token: `${account} ${signIn.number}` });
  }

  killed(daemon: number): void {
    this.#kills.push({ daemon, at: performance.now() });
  }

  accepts(token: string): boolean {
    return (this.#expiry.get(token) ?? 0) > Date.now();
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const daemon = Number(request.url?.slice(1));
    const askedAt = performance.now();
    const [account = '', number] = (
      new URLSearchParams(await text(request)).get('refresh_token') ?? ''
    ).split(' ');
    const signIn = this.#signIns.get(account);
    if (signIn === undefined) return void response.writeHead(400).end('{"error":"invalid_grant"}');
    if (signIn.asking > 0) this.faults.push(`${account} is refreshed twice at once`);
    signIn.asking++;
    response.once('close', () => signIn.asking--);
    const [least, most] = latencyMs;
    await sleep(this.#options.random.between(least, most));
    // That a socket has ended may be known later than who was killed.
    const isDead = this.#kills.some((kill) => kill.daemon === daemon && kill.at >= askedAt);
    if (isDead || request.socket.destroyed) return;
    if (Number(number) !== signIn.number) {
      if (!signIn.ended) this.#end(account, Number(number), signIn, daemon);
      return void response.writeHead(400).end('{"error":"invalid_grant"}');
    }
    signIn.ended = false;
    signIn.number++;
    signIn.answered = { daemon, at: performance.now() };
    this.refreshes++;
    const { tokenSeconds } = this.#options;
    const token = `${account} ${signIn.number}`;
    this.#expiry.set(token, Date.now() + tokenSeconds * 1000);
    this.#expiry.delete(`${account} ${signIn.number - 3}`);
    const answer = {
      access_token: token,
      refresh_token: token,
      token_type: 'Bearer',
      expires_in: tokenSeconds,
    };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  }

  #end(account: string, shown: number, signIn: SignIn, daemon: number): void {
    const { answered, number } = signIn;
    signIn.ended = true;
    const { at, daemon: receiver } = answered ?? { at: 0, daemon: -1 };
    const deaths = this.#kills.filter((kill) => kill.daemon === receiver).map((kill) => kill.at - at);
    const pauseMs = this.#pauses.max / 1e6;
    const isLate = shown === number - 1 && deaths.some((after) => Math.abs(after) < momentMs + pauseMs);
    if (isLate) this.diedWithProcess++;
    else {
      const given = `${number} was given to ${receiver} ${Math.round(performance.now() - at)} ms before`;
      const killed = deaths.map((after) => `${Math.round(after)} ms`).join(', ') || 'never';
      this.faults.push(
        `the grant of ${account} is lost: ${daemon} has shown token ${shown}; ${given}, which was killed from then: ${killed};` +
          ` the longest pause here was ${Math.round(pauseMs)} ms`,
      );
    }
    this.#options.onEnd(account);
  }
}
