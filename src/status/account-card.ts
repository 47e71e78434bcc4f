/** One account on the status page: how its token is, what it does, what is wrong, and the way to sign it in again. */
import { html, type Markup } from './markup.js';
import { clock, leftOf, lifeOf } from './pictures.js';
import type { AccountSnapshot } from './snapshot.js';
import { counted, describedStates } from './words.js';

export function accountCard(account: AccountSnapshot, now: number): Markup {
  const [kind, text] = describedStates[account.state];
  const { sessions } = account;
  const doing = [
    ...(account.refreshing ? ['refreshing now'] : []),
    ...(sessions.busy > 0 ? [`sending ${counted(sessions.busy, 'message')}`] : []),
    ...(sessions.opening > 0 ? [`signing in ${counted(sessions.opening, 'time')}`] : []),
    ...(sessions.waiting > 0 ? [`${counted(sessions.waiting, 'message')} waiting`] : []),
    ...(sessions.idle > 0 ? [`${counted(sessions.idle, 'session')} kept`] : []),
  ];
  const problem =
    account.problem === null
      ? undefined
      : html`<p class="problem">
          ${account.problem}${account.hint === null ? undefined : html`<br /><code>${account.hint}</code>`}
        </p>`;
  const next = account.next_refresh === null ? '' : `; next refresh at ${clock(account.next_refresh)}`;
  return html`<section class="card">
    <div class="head">
      <h3>${account.account}</h3>
      <span class="state ${kind}">${text}</span>
    </div>
    ${lifeOf(account, now)}
    <p class="dim">${leftOf(account, now)}${next}; ${doing.length === 0 ? 'idle' : doing.join(', ')}</p>
    <p class="dim">${totals(account)}</p>
    ${problem} ${signInOf(account)}
  </section> `;
}

/** A button where the page can do it, else the command that can. */
function signInOf({
  account,
  sign_in,
  sign_in_command: command,
  state,
}: AccountSnapshot): Markup | undefined {
  if (sign_in === 'page')
    return html`<form method="post" action="/authorize">
      <input type="hidden" name="account" value="${account}" />
      <button id="authorize ${account}">${state === 'broken' ? 'Authorize' : 'Authorize again'}</button>
    </form>`;
  if (command === null) return undefined;
  const what = sign_in === 'none' ? 'Nobody signs in for it; for another token' : 'To sign in again';
  return html`<p class="dim">${what}: <code>${command}</code></p>`;
}

function totals({ messages }: AccountSnapshot): string {
  const { cut_off, deferred, refused, sent } = messages;
  const failures = Object.entries({ deferred, refused, 'cut off': cut_off }).filter(([, count]) => count > 0);
  return [`${sent} sent`, ...failures.map(([what, count]) => `${count} ${what}`)].join(', ');
}
