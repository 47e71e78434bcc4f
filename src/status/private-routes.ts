/** What only those see who hold the key, or were let in with it: the page, its facts as JSON, its events, and sign-ins. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { toAppError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { type Access } from './access.js';
import { type Answer, plain, type Route } from './answer.js';
import { isFromHere, securityHeaders } from './guard.js';
import { History } from './history.js';
import { icon } from './icon.js';
import type { Selection } from './listing.js';
import { mainOf, pageOf } from './page.js';
import { forPeople, forPrograms, type QueryLimits, queryOf, selectionIn } from './query.js';
import { script } from './script.js';
import { SignInDesk } from './sign-in-desk.js';
import { onceMore } from './sign-in-pages.js';
import { type AllAccounts, lookAtAccounts, takeSnapshot } from './snapshot.js';
import type { StatusSource } from './source.js';
import { EventStream } from './stream.js';
import { style } from './style.js';

export interface PrivateRoutes {
  readonly routes: Readonly<Record<string, Route>>;
  close(): Promise<void>;
}

/** By method and path. */
export function privateRoutes(source: StatusSource, access: Access, logger: Logger): PrivateRoutes {
  const { beginSignIn: begin, clock, figures, roster } = source;
  const history = new History(figures, clock);
  const startedAt = clock.now();
  const look = () => lookAtAccounts(source);
  const snapshotOf = (accounts: AllAccounts, selection: Selection) =>
    takeSnapshot(source, history, startedAt, accounts, selection);
  const stream = new EventStream(clock, look);
  /** Gives what is asked for in the query, or says what is wrong with it. */
  const choosing =
    (
      limits: QueryLimits,
      answer: (selection: Selection, accounts: AllAccounts, response: ServerResponse) => Answer | undefined,
    ): Route =>
    ({ url = '' }, response) => {
      try {
        const accounts = look();
        return answer(selectionIn(url, limits, accounts.counts), accounts, response);
      } catch (error) {
        const { code, hint = '', message } = toAppError(error);
        if (code !== 'usage') throw error;
        return plain(400, `${message}\n${hint}`.trimEnd());
      }
    };
  const guarded =
    (route: Route): Route =>
    (request, response) =>
      access.admits(request)
        ? route(request, response)
        : cameFromElsewhere(request)
          ? onceMore()
          : notAdmitted;
  const page = guarded(
    choosing(forPeople, (selection, accounts) => ({
      status: 200,
      type: 'text/html; charset=utf-8',
      body: pageOf(snapshotOf(accounts, selection), selection),
    })),
  );
  const follow = choosing(forPeople, (selection, _, response) => {
    response.setHeaders(new Headers({ ...securityHeaders, 'content-type': 'text/event-stream' }));
    const isHeard = stream.add(response, {
      key: queryOf(selection),
      show: (accounts) => mainOf(snapshotOf(accounts, selection), selection).text,
    });
    return isHeard ? undefined : plain(503, 'too many look already');
  });
  const desk = begin && new SignInDesk({ access, begin, clock, logger, roster });
  return {
    routes: {
      // Redirects of sign-ins carry no path.
      'GET /': (request, response) =>
        desk?.isAnswer(request) ? desk.finish(request) : page(request, response),
      ...(desk && {
        'POST /authorize': (request) => desk.begin(request),
        'GET /authorize': (request) => desk.continue(request),
      }),
      'GET /status.json': guarded(
        choosing(forPrograms, (selection, accounts) => json(200, snapshotOf(accounts, selection))),
      ),
      'GET /events': guarded((request, response) =>
        request.method === 'HEAD' ? noEvents : follow(request, response),
      ),
      'GET /style.css': () => ({ status: 200, type: 'text/css; charset=utf-8', body: style }),
      'GET /icon.svg': () => ({ status: 200, type: 'image/svg+xml', body: icon }),
      'GET /script.js': () => ({ status: 200, type: 'text/javascript; charset=utf-8', body: script }),
      'GET /enter': ({ method, url = '' }) => {
        // What looks ahead, such as the preview of a link, shall not use the URL up.
        if (method === 'HEAD') return plain(405, 'not with this method');
        const cookie = access.exchange(new URL(url, 'http://localhost').searchParams.get('ticket') ?? '');
        if (cookie === undefined)
          return plain(403, 'this URL was used, or is too old: mailbearer dashboard prints another');
        return plain(303, 'come in', { location: '/', 'set-cookie': cookie });
      },
      'POST /ticket': (request) => {
        if (!isFromHere(request)) return plain(403, 'asked for by a page of another site');
        return access.admitsProgram(request) ? json(201, { ticket: access.issueTicket() }) : notAdmitted;
      },
    },
    async close() {
      history.close();
      stream.close();
      await desk?.close();
    },
  };
}

const notAdmitted = plain(401, 'run mailbearer dashboard, and open the URL that it prints', {
  'www-authenticate': 'Bearer realm="mailbearer"',
});

/** By a link of another site, or by a bookmark in one: browsers then keep a strict cookie back. */
function cameFromElsewhere({ headers }: IncomingMessage): boolean {
  return headers['sec-fetch-site'] === 'cross-site' && headers['sec-fetch-mode'] === 'navigate';
}

const noEvents: Answer = { status: 200, type: 'text/event-stream', body: '' };

function json(status: number, value: object): Answer {
  return { status, type: 'application/json', body: JSON.stringify(value) };
}
