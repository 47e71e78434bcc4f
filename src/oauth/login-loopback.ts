/**
 * Sign-in with a browser: authorization code with state and PKCE, redirected to a listener on 127.0.0.1, and on
 * ::1 where the redirect says localhost, that lives as long as the sign-in (RFC 8252 section 7.3). Where the browser is on another machine, the address that
 * it failed to open can be pasted instead; whichever comes first wins. Only an answer with our state counts, so
 * no other page or program can end the sign-in or slip in a code. It prints nothing.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { finished } from 'node:stream/promises';
import { AppError, describeCause, systemErrorCode, toAppError } from '../core/errors.js';
import { pastedParameters, type Answer } from './login-answer.js';
import { type CodeLogin, type CodeLoginOptions, prepareCodeLogin } from './login-code.js';
import type { SignedIn } from './login.js';
import { type LoginPage, pageHeaders, renderLoginPage } from './login-page.js';

export interface LoopbackLoginOptions extends Omit<CodeLoginOptions, 'redirectUri'> {
  /** In the redirect; browsers may take localhost for 127.0.0.1 or ::1. */
  readonly redirectHost?: '127.0.0.1' | 'localhost';
  /** The answer is shown at this address instead, and can only be pasted: nothing listens. */
  readonly pasteRedirectUri?: string | undefined;
  /** Default 0: any free port. */
  readonly port?: number;
}

export interface LoopbackLogin {
  /** To be opened in a browser. */
  readonly authorizationUrl: string;
  readonly redirectUri: string;
  /** Rejects with AppError login-denied, client-rejected or refresh-transient. */
  readonly result: Promise<SignedIn>;
  /** Takes the address that the browser was sent to. Throws AppError usage when it is none; then try again. */
  submitUrl(pasted: string): void;
  /** Ends the listener once the browser has its page; rejects `result` if it is still waiting. */
  close(): Promise<void>;
}

/** Throws AppError listen-failed when the port is taken, config-invalid for endpoints that may not be used. */
export async function createLoopbackLogin(options: LoopbackLoginOptions): Promise<LoopbackLogin> {
  const { pasteRedirectUri, redirectHost = '127.0.0.1' } = options;
  const { port, servers } =
    pasteRedirectUri === undefined
      ? await listen(options.port ?? 0, redirectHost)
      : { port: undefined, servers: [] };
  // Microsoft's registration of http://localhost knows no path.
  const here = redirectHost === 'localhost' ? `http://localhost:${port}` : `http://127.0.0.1:${port}/`;
  const redirectUri = pasteRedirectUri ?? here;
  let login: CodeLogin;
  try {
    login = await prepareCodeLogin({ ...options, redirectUri });
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }

  const result = new Deferred<SignedIn>();
  const givenUp = new AbortController();
  let ending: Promise<LoginPage> | undefined;
  /** The first answer is redeemed; a reload, or the same answer pasted too, sees how that ended. */
  const accept = (answer: Answer): Promise<LoginPage> => (ending ??= end(answer));

  async function end(answer: Answer): Promise<LoginPage> {
    try {
      result.resolve(await login.redeem(answer, givenUp.signal));
      return { kind: 'done' };
    } catch (error) {
      const problem = toAppError(error);
      result.reject(problem);
      return { kind: 'failed', message: problem.message, hint: problem.hint };
    }
  }

  async function handle(request: IncomingMessage): Promise<{ status: number; page: LoginPage }> {
    const ignored = (status: number, message: string) => ({
      status,
      page: { kind: 'ignored', message } as const,
    });
    // Another name for this address is a page that plays DNS tricks.
    if (request.headers.host !== `${redirectHost}:${port}`)
      return ignored(400, 'This is not the name of this server.');
    const [, path, query] = /^([^?]*)\??(.*)$/.exec(request.url ?? '') ?? [];
    if (path !== '/') return ignored(404, 'There is no such page.');
    if (request.method !== 'GET') return ignored(405, 'This page can only be opened.');
    const answer = login.read(new URLSearchParams(query));
    if (typeof answer === 'string') return ignored(400, `This is no answer to the sign-in: ${answer}.`);
    const page = await accept(answer);
    return { status: page.kind === 'done' ? 200 : 400, page };
  }

  const pages = new Set<Promise<void>>();
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, page } = await handle(request);
    response.writeHead(status, pageHeaders).end(renderLoginPage(page));
    await finished(response).catch(() => undefined);
  }
  for (const server of servers)
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const page = serve(request, response).finally(() => pages.delete(page));
      pages.add(page);
    });

  return {
    authorizationUrl: login.authorizationUrl,
    redirectUri,
    result: result.promise,
    submitUrl(pasted) {
      const answer = login.read(pastedParameters(pasted));
      if (typeof answer === 'string')
        throw new AppError('usage', `this is not the address that the sign-in ended at: ${answer}`, {
          hint: `paste what the browser's address bar shows after you agreed; it starts with ${redirectUri}?`,
        });
      void accept(answer);
    },
    async close() {
      result.reject(new AppError('login-denied', 'the sign-in was given up before it was complete'));
      givenUp.abort();
      await Promise.all(pages);
      await Promise.all(servers.map(close));
    },
  };
}

/** On all addresses that the host of the redirect may mean; a machine without IPv6 has one less. */
async function listen(wanted: number, host: string): Promise<{ port: number; servers: readonly Server[] }> {
  const first = await listenOn('127.0.0.1', wanted);
  const { port } = first.address() as AddressInfo;
  if (host !== 'localhost') return { port, servers: [first] };
  try {
    return { port, servers: [first, await listenOn('::1', port)] };
  } catch (error) {
    const cause = error instanceof Error ? systemErrorCode(error.cause) : undefined;
    if (cause === 'EADDRNOTAVAIL' || cause === 'EAFNOSUPPORT') return { port, servers: [first] };
    // Somebody else's: a browser would take the answer there.
    await close(first);
    throw error;
  }
}

async function listenOn(address: string, port: number): Promise<Server> {
  const server = createServer();
  try {
    server.listen(port, address);
    await once(server, 'listening');
  } catch (error) {
    throw new AppError('listen-failed', `cannot listen on ${address}:${port}: ${describeCause(error)}`, {
      hint: 'name a free port with --local-listen-port, or 0 for any',
      cause: error,
    });
  }
  return server;
}

async function close(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}

/** A promise that is settled from outside, once; nobody need be waiting when it is rejected. */
class Deferred<T> {
  readonly promise: Promise<T>;
  resolve!: (value: T) => void;
  reject!: (error: AppError) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.promise.catch(() => undefined);
  }
}
