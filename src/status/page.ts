/** The status page: all its facts in HTML that the server writes, so that it needs no script to be read. */
import { formatDuration } from '../core/duration.js';
import { documentOf } from './document.js';
import { html, type Markup } from './markup.js';
import { clock, leftOf, lifeOf, throughputOf } from './pictures.js';
import type { AccountSnapshot, ClientSnapshot, MessageSnapshot, Snapshot, TokenState } from './snapshot.js';

const words: Readonly<Record<TokenState, readonly [kind: string, text: string]>> = {
  fresh: ['good', 'fresh'],
  due: ['warn', 'waits for its first token'],
  troubled: ['bad', 'the last refresh failed'],
  unsaved: ['bad', 'the new token is in memory only'],
  broken: ['bad', 'cannot be used'],
};

const mostAccounts = 50;

/** The whole document. */
export function pageOf(snapshot: Snapshot): string {
  return documentOf({
    title: 'mailbearer',
    head: html`<script src="/script.js" defer></script>`,
    aside: html`<span class="dim" data-live="off">${snapshot.version}</span>`,
    main: mainOf(snapshot),
  });
}

/** What changes, and each event brings anew. */
export function mainOf(snapshot: Snapshot): Markup {
  const { accounts, messages } = snapshot;
  return html`<p class="dim">
      ${snapshot.ready ? 'Running' : 'Starting or stopping'} since ${day(snapshot.started_at)}; as of
      ${clock(snapshot.time)} UTC; ${counted(snapshot.client_sessions, 'client')} connected.
    </p>
    <h2>Accounts</h2>
    ${accounts.length === 0 ? html`<p class="card">There is none yet: <code>mailbearer get-token --help</code></p>` : accountsOf(accounts, Date.parse(snapshot.time))}
    <h2>Messages of the last hour</h2>
    <div class="card">
      ${throughputOf(snapshot)}
      <p class="dim">${hourOf(snapshot)}</p>
    </div>
    ${clientsOf(snapshot)}
    <h2>Last messages</h2>
    <div class="card">
      ${
        messages.length === 0
          ? html`<p class="dim">None since the start.</p>`
          : html`<ol class="messages">
              ${messages.map(messageItem)}
            </ol>`
      }
    </div> `;
}

/** More than anybody reads are counted; those that need somebody are shown before all others. */
function accountsOf(accounts: readonly AccountSnapshot[], now: number): Markup {
  if (accounts.length <= mostAccounts) return html`${accounts.map((account) => accountCard(account, now))}`;
  const rank = ({ problem, state }: AccountSnapshot) => (state !== 'fresh' ? 0 : problem !== null ? 1 : 2);
  const shown = accounts.toSorted((one, other) => rank(one) - rank(other)).slice(0, mostAccounts);
  const kinds = Object.entries(words).flatMap(([state, [, text]]) => {
    const count = accounts.filter((account) => account.state === state).length;
    return count === 0 ? [] : [`${count.toLocaleString('en-US')} ${text}`];
  });
  const rest = accounts.length - shown.length;
  return html`<p class="card">${counted(accounts.length, 'account')}: ${kinds.join(', ')}.</p>
    ${shown.map((account) => accountCard(account, now))}
    <p class="dim">and ${rest} more: <code>mailbearer status NAME</code></p> `;
}

function accountCard(account: AccountSnapshot, now: number): Markup {
  const [kind, text] = words[account.state];
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

const stageWords: Readonly<Record<ClientSnapshot['stage'], string>> = {
  connected: 'has just come',
  idle: 'between messages',
  envelope: 'names sender and recipients',
  message: 'sends its message',
};

function clientsOf({ client_sessions: count, clients }: Snapshot): Markup | undefined {
  if (count === 0) return undefined;
  const rest = count - clients.length;
  return html`<h2>Clients</h2>
    <div class="card table">
      <table>
        <tr>
          <th>from</th>
          <th>account</th>
          <th>doing</th>
          <th>for</th>
          <th>id</th>
        </tr>
        ${clients.map(
          ({ account, id, peer, seconds, stage }) =>
            html`<tr>
              <td>${peer}</td>
              <td>${account ?? ''}</td>
              <td>${stageWords[stage]}</td>
              <td>${formatDuration(seconds)}</td>
              <td><code>${id}</code></td>
            </tr>`,
        )}
      </table>
      ${rest > 0 ? html`<p class="dim">and ${rest} more</p>` : undefined}
    </div>`;
}

const outcomes = { sent: 'good', deferred: 'warn', refused: 'bad' } as const;

function messageItem(message: MessageSnapshot): Markup {
  const size = message.bytes === null ? '' : `, ${message.bytes} bytes`;
  const who = message.recipients === null ? '' : ` to ${counted(message.recipients, 'recipient')}`;
  const account = message.account ?? 'no account';
  return html`<li>
    <div class="head">
      <span>${message.from === '' ? '<>' : message.from}${who}</span
      ><span class="state ${outcomes[message.outcome]}">${message.outcome}</span>
    </div>
    <span class="reply">${message.reply}</span
    >${message.cause === null ? undefined : html`<p class="problem">${message.cause}</p>`}
    <p class="dim">${clock(message.at)} through ${account}${size}, ${message.ms} ms</p>
  </li>`;
}

function hourOf({ throughput }: Snapshot): string {
  const sum = (key: 'sent' | 'failed') => throughput.reduce((all, minute) => all + minute[key], 0);
  return `${sum('sent')} sent, ${sum('failed')} not; a bar for each minute, the last one at the right`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function day(iso: string): string {
  return `${iso.slice(0, 10)} ${clock(iso)}`;
}
