/**
 * A token endpoint that fails now and then, and whose tokens lose their worth long before their time, as when somebody
 * ends an account's sessions: whoever asks it about them (the sink) then refuses them until the account got another.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Random } from '../random.js';

/** How often a token is withdrawn when it is shown, and how often the endpoint fails. */
const withdrawalChance = 0.15;
const failureChance = 0.15;
/** The relay does not renew a token that is younger than a minute, whatever a server says of it. */
const safeAgeMs = 65_000;

interface Issued {
  readonly number: number;
  /** By performance.now(). */
  readonly at: number;
}

export class TokenDesk {
  readonly url: string;
  /** How often a token was refused, and a new one given. */
  refusals = 0;
  renewals = 0;
  readonly #server: Server;
  readonly #random: Random;
  readonly #tokenSeconds: number;
  readonly #newest = new Map<string, Issued>();
  /** By account: the tokens up to this number are worth nothing. */
  readonly #withdrawn = new Map<string, number>();

  private constructor(server: Server, random: Random, tokenSeconds: number) {
    this.#server = server;
    this.#tokenSeconds = tokenSeconds;
    this.#random = random;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  }

  /** @param tokenSeconds how long a token lives, as it says */
  static async start(random: Random, tokenSeconds = 3600): Promise<TokenDesk> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const desk = new TokenDesk(server, random, tokenSeconds);
    // One that ends in the middle of a request was killed.
    server.on('request', (request, response) => void desk.#answer(request, response).catch(() => undefined));
    return desk;
  }

  /** What an account's token file holds at first: a token old enough to be refused, and how to get another. */
  firstToken(account: string): { readonly accessToken: string; readonly refreshToken: string } {
    return { accessToken: this.#issue(account, -Infinity), refreshToken: account };
  }

  /** Whether the token is worth anything; by chance this was its end. */
  accepts(token: string): boolean {
    const [account = '', number] = token.split(' ');
    const newest = this.#newest.get(account);
    if (newest === undefined) return false;
    const isOld = performance.now() - newest.at > safeAgeMs;
    if (isOld && this.#random.chance(withdrawalChance)) this.#withdrawn.set(account, newest.number);
    const accepted = Number(number) > (this.#withdrawn.get(account) ?? 0);
    if (!accepted) this.refusals++;
    return accepted;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const account = new URLSearchParams(await text(request)).get('refresh_token') ?? '';
    if (this.#random.chance(failureChance)) return this.#fail(response);
    this.renewals++;
    const answer = {
      access_token: this.#issue(account, performance.now()),
      token_type: 'Bearer',
      expires_in: this.#tokenSeconds,
    };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  }

  #fail(response: ServerResponse): void {
    if (this.#random.chance(0.3)) response.destroy();
    else if (this.#random.chance(0.5)) response.writeHead(200).end('{"access_token":');
    else response.writeHead(503).end('<h1>Service Unavailable</h1>');
  }

  #issue(account: string, at: number): string {
    const number = (this.#newest.get(account)?.number ?? 0) + 1;
    this.#newest.set(account, { number, at });
    return `${account} ${number}`;
  }
}
