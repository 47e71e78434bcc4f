// @ts-check
/**
 * What stands before the demo's OpenID provider: a log of the requests to its endpoints, without any secret, a repair
 * of what Dovecot sends, and leave to ask more often.
 */
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

/**
 * @typedef {object} LoggedRequest
 * @property {Endpoint} endpoint
 * @property {string | undefined} grantType
 * @property {number} status
 * @property {string | undefined} error The OAuth error code of a refusal.
 */

/** @typedef {'token' | 'introspection' | 'device_authorization'} Endpoint */
/** @typedef {import('koa').Context & Partial<import('oidc-provider').KoaContextWithOIDC>} Context */
/** @typedef {(ctx: Context, next: () => Promise<unknown>) => Promise<void>} Middleware */

/**
 * @param {Readonly<Record<Endpoint, string>>} paths
 * @param {LoggedRequest[]} requests Where they are written down.
 * @returns {Middleware}
 */
export function logRequests(paths, requests) {
  const endpoints = /** @type {const} */ (['token', 'introspection', 'device_authorization']);
  return async (ctx, next) => {
    await next();
    const endpoint = endpoints.find((name) => paths[name] === ctx.path);
    if (endpoint === undefined) return;
    const { error } = /** @type {{ error?: string }} */ (ctx.body ?? {});
    const grantType = /** @type {string | undefined} */ (ctx.oidc?.params?.['grant_type']);
    requests.push({ endpoint, grantType, status: ctx.status, error });
  };
}

/**
 * Dovecot 2.3 sends `client_id=&client_secret=` in an introspection request beside the Basic credentials of its
 * `introspection_url`. Two ways of authentication at once are an error (RFC 6749 section 2.3); whether a provider
 * takes empty ones for none is its own affair, so they are taken out.
 *
 * @param {string} path Of the introspection endpoint.
 * @returns {Middleware}
 */
export function stripEmptyCredentials(path) {
  return async (ctx, next) => {
    if (ctx.method === 'POST' && ctx.path === path) {
      const form = new URLSearchParams(await text(ctx.req));
      for (const name of ['client_id', 'client_secret']) if (form.get(name) === '') form.delete(name);
      const body = Buffer.from(form.toString());
      ctx.req.headers['content-length'] = String(body.length);
      // The original stream is read to its end; what follows only reads the body from ctx.req.
      ctx.req = /** @type {import('node:http').IncomingMessage} */ (Readable.from([body]));
    }
    await next();
  };
}

/**
 * Who waits for a person to enter a code may ask every second, not every five as without a word about it (RFC 8628
 * section 3.2), on which oidc-provider has none.
 *
 * @param {string} path Of the device authorization endpoint.
 * @returns {Middleware}
 */
export function allowHaste(path) {
  return async (ctx, next) => {
    await next();
    if (ctx.path === path && ctx.status === 200)
      ctx.body = { .../** @type {object} */ (ctx.body), interval: 1 };
  };
}
