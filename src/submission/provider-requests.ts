/**
 * Requests to the identity provider: no more than max_parallel_connections at once, timeout_msecs for each and for its
 * turn, over oauth/http.ts, which follows no redirect. Whatever is no answer to the question becomes AppError auth-unavailable that
 * names the option, and holds neither token nor secret.
 */
import type { OAuth2Settings, ProviderUrl } from '../config/oauth2.js';
import type { Clock } from '../core/clock.js';
import { AppError, describeCause } from '../core/errors.js';
import { get, type HttpAnswer, type HttpSettings, post } from '../oauth/http.js';
import { parseAnswer } from '../oauth/normalise.js';
import type { Fields } from './token-fields.js';
import { Turns } from './turns.js';

export interface ProviderAnswer {
  readonly status: number;
  /** Undefined when the body is no JSON object. */
  readonly fields: Fields | undefined;
}

export interface ProviderRequest {
  readonly url: URL;
  readonly credentials?: ProviderUrl['credentials'];
  readonly bearer?: string;
  /** Posted when there is one. */
  readonly form?: URLSearchParams;
}

export interface ProviderRequests {
  /** An answer of whatever status. `option` is the name that errors go by. */
  ask(option: string, request: ProviderRequest): Promise<ProviderAnswer>;
  /** An answer of 2xx that is a JSON object. */
  json(option: string, request: ProviderRequest): Promise<Fields>;
}

/** Who would wait for more than this many others is turned away at once. */
const waitingPerConnection = 100;

export function createProviderRequests(settings: OAuth2Settings, clock: Clock): ProviderRequests {
  const { maxParallelConnections: most, timeoutMs } = settings;
  const http = httpSettings(settings);
  const turns = new Turns({
    atOnce: most,
    waiting: most * waitingPerConnection,
    patience: { clock, ms: timeoutMs },
  });

  async function ask(option: string, request: ProviderRequest): Promise<ProviderAnswer> {
    const { bearer, credentials, form, url } = request;
    const headers: Record<string, string> = { accept: 'application/json' };
    if (form) headers['content-type'] = 'application/x-www-form-urlencoded';
    if (bearer !== undefined) headers['authorization'] = `Bearer ${bearer}`;
    if (credentials) headers['authorization'] = `Basic ${basic(credentials.reveal())}`;
    let answer: HttpAnswer;
    try {
      answer = await turns.run(
        () =>
          form
            ? post(url, headers, form.toString(), http, { clock, timeoutMs })
            : get(url, headers, http, { clock, timeoutMs }),
        () => unavailable(option, 'too many checks are waiting', 'raise max_parallel_connections'),
      );
    } catch (cause) {
      if (cause instanceof AppError && cause.code === 'auth-unavailable') throw cause;
      throw unavailable(
        option,
        `${url.host}: ${describeCause(cause)}`,
        'check the URL, the network and tls_ca_cert_file',
        cause,
      );
    }
    return { status: answer.status, fields: parseAnswer(answer.body) };
  }

  return {
    ask,
    async json(option, request) {
      const { fields, status } = await ask(option, request);
      if (status >= 200 && status < 300 && fields !== undefined) return fields;
      throw notAnswered(option, request.url, status);
    },
  };
}

/** For an answer that says nothing of what was asked. @param error the code of an OAuth error in it */
export function notAnswered(option: string, url: URL, status: number, error = ''): AppError {
  const what = status >= 200 && status < 300 ? 'nothing that is understood' : `HTTP ${status}`;
  const code = /^[\w-]{1,40}$/.test(error) ? ` (${error})` : '';
  return unavailable(option, `${url.host} answers ${what}${code}`, adviceFor(status, error));
}

function adviceFor(status: number, error: string): string {
  // RFC 7009, 2.2.1; oidc-provider says it of its JWTs.
  if (error === 'unsupported_token_type')
    return 'it does not look at such tokens: verify JWTs here, with jwks_url and issuers';
  if (status >= 300 && status < 400) return 'name the URL that it redirects to: redirects are not followed';
  if (status === 401 || status === 403)
    return 'check id and secret, in the URL or in client_id and client_secret';
  return status >= 500 || status === 429 ? 'wait, or look at the log of the provider' : 'check the URL';
}

function unavailable(option: string, what: string, hint: string, cause?: unknown): AppError {
  return new AppError('auth-unavailable', `${option}: ${what}`, { hint, cause });
}

function basic(credentials: string): string {
  return Buffer.from(credentials).toString('base64');
}

function httpSettings({ proxy, tls }: OAuth2Settings): HttpSettings {
  return {
    proxy,
    caBundleFile: tls.caCertFile,
    caCertsDir: tls.caCertDir,
    settingNames: { caBundleFile: 'tls_ca_cert_file', caCertsDir: 'tls_ca_cert_dir' },
    clientCertificate:
      tls.certFile === undefined || tls.keyFile === undefined
        ? undefined
        : { certificateFile: tls.certFile, keyFile: tls.keyFile },
  };
}
