/** The pages on the way through a sign-in. They need no script: each leads on by itself, or by a link. */
import type { AppError } from '../core/errors.js';
import type { Answer } from './answer.js';
import { documentOf } from './document.js';
import { html, type Markup } from './markup.js';

/** On to the provider. A redirect would do, but the page's policy forbids forms to end elsewhere. */
export function departure(url: string, mailbox: string, cookie: string): Answer {
  const where = new URL(url).host;
  const main = html`<h2>Sign in as ${mailbox}</h2>
    <p class="card">The sign-in is at <a href="${url}">${where}</a>, which sends you back here.</p>`;
  return pageOf(200, 'on to the provider', main, { goes: url, cookie });
}

/** On to the name of this machine that the provider knows, where the cookie must be. */
export function detour(url: string): Answer {
  const main = html`<p class="card">
    The provider sends browsers back to <a href="${url}">${new URL(url).host}</a>, so the sign-in begins
    there.
  </p>`;
  return pageOf(200, 'on to the sign-in', main, { goes: url });
}

export function signedIn(account: string, home: string, cookie: string): Answer {
  const main = html`<h2>Signed in</h2>
    <p class="card"><strong>${account}</strong> has new tokens, and they are in use.</p>
    ${backTo(home)}`;
  return pageOf(200, 'signed in', main, { cookie });
}

export function failed({ hint, message }: AppError, home: string, cookie?: string): Answer {
  const main = html`<h2>The sign-in failed</h2>
    <div class="card">
      <p class="problem">${message}${hint === undefined ? undefined : html`<br /><code>${hint}</code>`}</p>
      <p class="dim">The token file is as it was.</p>
    </div>
    ${backTo(home)}`;
  return pageOf(400, 'the sign-in failed', main, { cookie });
}

/** A request that belongs to no sign-in; those that wait go on. */
export function ignored(status: number, why: string): Answer {
  const main = html`<h2>Nothing happened</h2>
    <p class="card">${why}</p>
    ${backTo('/')}`;
  return pageOf(status, 'nothing happened', main);
}

/**
 * For a browser that a link on another site, or under another name of this machine, has led here: then it keeps the
 * cookie back, but not from a page of ours.
 */
export function onceMore(): Answer {
  return pageOf(401, 'one moment', html`<p class="card"><a href="/">The status page</a></p>`, {
    goes: '/',
    headers: { 'www-authenticate': 'Bearer realm="mailbearer"' },
  });
}

function backTo(home: string): Markup {
  return html`<p><a href="${home}">Back to the status page</a></p>`;
}

interface Particulars {
  /** Where it leads by itself. */
  readonly goes?: string;
  readonly cookie?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

function pageOf(
  status: number,
  title: string,
  main: Markup,
  { cookie, goes, headers }: Particulars = {},
): Answer {
  const head = goes === undefined ? html`` : html`<meta http-equiv="refresh" content="0; url=${goes}" />`;
  return {
    status,
    type: 'text/html; charset=utf-8',
    body: documentOf({ title: `mailbearer: ${title}`, head, main }),
    headers: { ...headers, ...(cookie !== undefined && { 'set-cookie': cookie }) },
  };
}
