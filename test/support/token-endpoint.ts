/**
 * A token endpoint that answers what a test tells it to, rightly, wrongly or not at all, and keeps what it was
 * sent. A real server on 127.0.0.1, over TLS when given a certificate; it judges nothing that it receives.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { OAuthClient } from '../../src/accounts/account.js';
import { Secret } from '../../src/core/secret.js';

export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** As it came. */
  readonly body: string;
  readonly form: URLSearchParams;
}

/** What is done with one request. */
export type Step =
  | {
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      /** An object is sent as JSON. */
      readonly body?: string | Readonly<Record<string, unknown>>;
    }
  /** Refuses, and repeats all that it was sent. */
  | 'echo'
  /** Takes the request and never says a word. */
  | 'hang'
  /** Ends the connection with RST. */
  | 'reset'
  /** Headers at once, then a body without end, as fast as it is read. */
  | 'endless'
  /** Headers and a first byte at once, then nothing. */
  | 'stall';

export interface TokenEndpoint {
  readonly url: URL;
  readonly requests: readonly RecordedRequest[];
  /** What comes next; the last step goes on for ever. */
  script(...steps: readonly Step[]): void;
  /** Resolves when this many requests have come. */
  waitForRequests(count: number): Promise<void>;
  close(): Promise<void>;
}

/** Answers `grantedAnswer` until told otherwise. */
export async function startTokenEndpoint(
  tls?: Readonly<{ certificate: string; key: string }>,
): Promise<TokenEndpoint> {
  const requests: RecordedRequest[] = [];
  let steps: readonly Step[] = [{ body: grantedAnswer }];
  const server: Server = tls ? createTlsServer({ cert: tls.certificate, key: tls.key }) : createServer();

  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    void text(request)
      .then((body) => {
        const { method = '', url = '', headers } = request;
        const form = new URLSearchParams(body);
        requests.push({ method, path: url, headers, body, form });
        server.emit('recorded');
        const [step, ...rest] = steps;
        if (rest.length > 0) steps = rest;
        return carryOut(step!, form, response);
      })
      // The client went away while it was sending.
      .catch(() => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: new URL(`${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}/token`),
    requests,
    script(...next) {
      steps = next;
    },
    async waitForRequests(count) {
      while (requests.length < count) await once(server, 'recorded');
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

export const grantedAnswer = {
  access_token: 'access-token-1',
  token_type: 'Bearer',
  expires_in: 3599,
} as const;

/** The settings of a client that talks to `tokenEndpoint`. */
export function oauthClient(tokenEndpoint: URL, overrides: Partial<OAuthClient> = {}): OAuthClient {
  return {
    clientId: 'client-1',
    clientSecret: new Secret(''),
    tokenEndpoint,
    refreshScope: undefined,
    proxy: undefined,
    caBundleFile: undefined,
    caCertsDir: undefined,
    ...overrides,
  };
}

function repeat(form: URLSearchParams, response: ServerResponse): void {
  const description = [...form.values()].toSorted((one, other) => other.length - one.length).join(' ');
  const body = { error: 'invalid_grant', error_description: description };
  carryOut({ status: 400, body }, form, response);
}

function carryOut(step: Step, form: URLSearchParams, response: ServerResponse): void {
  switch (step) {
    case 'echo':
      return repeat(form, response);
    case 'hang':
      return;
    case 'reset':
      response.socket?.resetAndDestroy();
      return;
    case 'stall':
      response.writeHead(200, { 'content-type': 'application/json' }).write('{');
      return;
    case 'endless':
      response.writeHead(200, { 'content-type': 'application/json' });
      Readable.from(blanks()).pipe(response);
      return;
    default: {
      const { status = 200, headers = {}, body = '' } = step;
      const content = typeof body === 'string' ? body : JSON.stringify(body);
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(content);
    }
  }
}

function* blanks(): Generator<Buffer> {
  const chunk = Buffer.alloc(65_536, ' ');
  for (;;) yield chunk;
}
