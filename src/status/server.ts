/**
 * The HTTP server of the daemon: health, readiness and metrics, open to all who reach it and naming no mailbox unless
 * that is asked for; and the status page, for those whom access.ts lets in. It reads what there is at the moment of the
 * request, and changes nothing but by a sign-in.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { StatusAddress } from '../config/status.js';
import { describeCause } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { Access } from './access.js';
import { type Answer, plain, type Route, send } from './answer.js';
import { isForThisMachine } from './guard.js';
import { openStatusPort } from './listen.js';
import { openRegistry } from './metrics.js';
import { privateRoutes } from './private-routes.js';
import type { StatusSource } from './source.js';

export interface StatusServer {
  /** As in the configuration, with the real port: `127.0.0.1:8025` or `unix:/path`. */
  readonly where: string;
  close(): Promise<void>;
}

/** Requests are short, and nobody is waited for: the defaults of Node are minutes. */
const requestTimeoutMs = 10_000;
/** For who does not take what was answered; a page that is open hears something every two seconds. */
const longestSilenceMs = 30_000;
/** Browsers with the page open, Prometheus, and whoever looks; the descriptors are the relay's. */
const mostConnections = 100;

/** Throws AppError listen-failed or config-invalid. */
export async function startStatusServer(
  address: StatusAddress,
  source: StatusSource,
  access: Access,
  logger: Logger,
  { silenceMs = longestSilenceMs }: { readonly silenceMs?: number } = {},
): Promise<StatusServer> {
  const registry = openRegistry(source);
  const shown = privateRoutes(source, access, logger);
  const routes: Readonly<Record<string, Route>> = {
    ...shown.routes,
    'GET /healthz': () => plain(200, 'ok'),
    'GET /readyz': () =>
      source.isReady() ? plain(200, 'ready') : plain(503, 'not ready: starting or stopping'),
    'GET /metrics': async () => ({ status: 200, type: registry.contentType, body: await registry.metrics() }),
  };
  const server = createServer(
    { requestTimeout: requestTimeoutMs, maxHeaderSize: 16_384 },
    (request, response) => {
      answerTo(request, response, routes).then(
        (answer) => answer && send(request, response, answer),
        (error: unknown) => {
          logger.error({ cause: describeCause(error) }, 'a request for the status failed');
          send(request, response, plain(500, 'failed: see the log of mailbearer'));
        },
      );
    },
  );
  server.maxConnections = mostConnections;
  server.timeout = silenceMs;
  const where = await openStatusPort(server, address);
  server.on('error', (error) => logger.error({ cause: describeCause(error) }, 'the status server failed'));
  return {
    where,
    async close() {
      await shown.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answerTo(
  request: IncomingMessage,
  response: ServerResponse,
  routes: Readonly<Record<string, Route>>,
): Promise<Answer | undefined> {
  if (!isForThisMachine(request))
    return plain(421, 'ask for it by a name of this machine, such as 127.0.0.1 or localhost');
  const [path = ''] = (request.url ?? '').split('?');
  const routeOf = (method: string) => routes[`${method} ${path}`];
  const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '');
  const route = routeOf(method);
  if (route !== undefined) return route(request, response);
  return (routeOf('GET') ?? routeOf('POST'))
    ? plain(405, 'not with this method')
    : plain(404, 'there is nothing here');
}
