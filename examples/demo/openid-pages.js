// @ts-check
/**
 * The pages that a person meets at the demo's OpenID provider: sign-in, consent, and the device flow's code.
 * Plain forms, so that a browser and openid-browser.js can both fill them. There are no passwords: who knows an
 * account's address is let in.
 */
import { text } from 'node:stream/consumers';

/** @typedef {import('koa').Context} Context */
/** @typedef {import('./openid-provider.js').OpenIdAccount} OpenIdAccount */

/** The resource server that tokens are for, where there is one. */
export const mailResource = 'urn:mail';

/** @param {string} uid */
export const interactionPath = (uid) => `/interaction/${uid}`;

/**
 * @param {import('oidc-provider').Provider} provider
 * @param {OpenIdAccount[]} accounts
 * @returns {(ctx: Context, next: () => Promise<unknown>) => Promise<void>}
 */
export function interactionPages(provider, accounts) {
  return async (ctx, next) => {
    if (!ctx.path.startsWith(interactionPath(''))) {
      await next();
      return;
    }
    const { prompt, params, session, grantId } = await provider.interactionDetails(ctx.req, ctx.res);
    const scope = typeof params['scope'] === 'string' ? params['scope'] : '';

    if (ctx.method !== 'POST') {
      const question =
        prompt.name === 'login'
          ? '<p><label>Address <input type="email" name="login" autofocus></label></p>'
          : `<p>Allow ${escape(params['client_id'])} to use: ${escape(scope)}?</p>`;
      show(ctx, 'Sign in', formOf(ctx.path, question));
      return;
    }

    const answer = new URLSearchParams(await text(ctx.req));
    if (answer.has('deny')) {
      ctx.respond = false;
      const denied = { error: 'access_denied', error_description: 'The person said no' };
      await provider.interactionFinished(ctx.req, ctx.res, denied, { mergeWithLastSubmission: false });
    } else if (prompt.name === 'login') {
      const account = accounts.find(({ email }) => email === answer.get('login'));
      if (account === undefined) {
        ctx.status = 403;
        show(ctx, 'Sign in', '<p>There is no such account.</p>');
        return;
      }
      ctx.respond = false;
      await provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: account.sub } });
    } else {
      const grant =
        (grantId === undefined ? undefined : await provider.Grant.find(grantId)) ??
        new provider.Grant({
          accountId: /** @type {string} */ (session?.accountId),
          clientId: /** @type {string} */ (params['client_id']),
        });
      grant.addOIDCScope(scope);
      grant.addResourceScope(mailResource, scope);
      ctx.respond = false;
      await provider.interactionFinished(ctx.req, ctx.res, { consent: { grantId: await grant.save() } });
    }
  };
}

/** The device flow's own pages. oidc-provider gives the forms, with their protection, but without a button. */
export const devicePages = {
  /** @param {Context} ctx @param {string} form @param {unknown} [_out] @param {Error} [error] */
  userCodeInputSource(ctx, form, _out, error) {
    const complaint = error === undefined ? '' : `<p>${escape(error.message)}</p>`;
    show(ctx, 'Enter the code', complaint + form + '<button form="op.deviceInputForm">Continue</button>');
  },
  /** @param {Context} ctx @param {string} form @param {unknown} _client @param {unknown} _device @param {string} code */
  userCodeConfirmSource(ctx, form, _client, _device, code) {
    const buttons =
      '<button form="op.deviceConfirmForm">Continue</button> ' +
      '<button form="op.deviceConfirmForm" name="abort" value="yes">Stop</button>';
    show(ctx, 'Is this the code on your device?', `<p>${escape(code)}</p>${form}${buttons}`);
  },
  /** @param {Context} ctx */
  successSource(ctx) {
    show(ctx, 'Signed in', '<p>You can close this page.</p>');
  },
};

/** @param {string} action @param {string} content */
function formOf(action, content) {
  return `<form method="post" action="${escape(action)}">${content}
<button>Continue</button> <button name="deny" value="yes">No</button></form>`;
}

/** @param {Context} ctx @param {string} title @param {string} content */
function show(ctx, title, content) {
  ctx.type = 'text/html';
  ctx.body = `<!doctype html><html lang="en"><title>${escape(title)}</title><h1>${escape(title)}</h1>${content}</html>`;
}

/** @param {unknown} value */
function escape(value) {
  return String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
