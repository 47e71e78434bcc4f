/**
 * The HTTP server of the daemon: health, readiness and metrics, open to all who reach it and naming no mailbox unless
 * that is asked for. It reads what there is at the moment of the request, and changes nothing.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { StatusAddress } from '../config/status.js';
import { describeCause } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { isForThisMachine, securityHeaders } from './guard.js';
import { openStatusPort } from './listen.js';
import { openRegistry } from './metrics.js';
import type { StatusSource } from './source.js';

export interface StatusServer {
  /** As in the configuration, with the real port: `127.0.0.1:8025` or `unix:/path`. */
  readonly where: string;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

type Route = (request: IncomingMessage) => Answer | Promise<Answer>;

/** Requests are short, and nobody is waited for: the defaults of Node are minutes. */
const requestTimeoutMs = 10_000;

/** Throws AppError listen-failed or config-invalid. */
export async function startStatusServer(
  address: StatusAddress,
  source: StatusSource,
  logger: Logger,
): Promise<StatusServer> {
  const registry = openRegistry(source);
  const routes: Readonly<Record<string, Route>> = {
    '/healthz': () => plain(200, 'ok'),
    '/readyz': () => (source.isReady() ? plain(200, 'ready') : plain(503, 'not ready: starting or stopping')),
    '/metrics': async () => ({ status: 200, type: registry.contentType, body: await registry.metrics() }),
  };
  const server = createServer(
    { requestTimeout: requestTimeoutMs, maxHeaderSize: 16_384 },
    (request, response) => {
      answerTo(request, routes).then(
        (answer) => send(request, response, answer),
        (error: unknown) => {
          logger.error({ cause: describeCause(error) }, 'a request for the status failed');
          send(request, response, plain(500, 'failed: see the log of mailbearer'));
        },
      );
    },
  );
  const where = await openStatusPort(server, address);
  server.on('error', (error) => logger.error({ cause: describeCause(error) }, 'the status server failed'));
  return {
    where,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answerTo(request: IncomingMessage, routes: Readonly<Record<string, Route>>): Promise<Answer> {
  if (!isForThisMachine(request))
    return plain(421, 'ask for it by a name of this machine, such as 127.0.0.1 or localhost');
  const [path = ''] = (request.url ?? '').split('?');
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (route === undefined) return plain(404, 'there is nothing here');
  if (request.method !== 'GET' && request.method !== 'HEAD') return plain(405, 'only GET and HEAD');
  return route(request);
}

function send({ method }: IncomingMessage, response: ServerResponse, { body, status, type }: Answer): void {
  const length = Buffer.byteLength(body);
  response.writeHead(status, { ...securityHeaders, 'content-type': type, 'content-length': length });
  response.end(method === 'HEAD' ? undefined : body);
}

function plain(status: number, text: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${text}\n` };
}
