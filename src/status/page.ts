/** The status page: all its facts in HTML that the server writes, so that it needs no script to be read. */
import { html, type Markup } from './markup.js';
import { clock, leftOf, lifeOf, throughputOf } from './pictures.js';
import type { AccountSnapshot, MessageSnapshot, Snapshot, TokenState } from './snapshot.js';

const words: Readonly<Record<TokenState, readonly [kind: string, text: string]>> = {
  fresh: ['good', 'fresh'],
  due: ['warn', 'waits for its first token'],
  troubled: ['bad', 'the last refresh failed'],
  unsaved: ['bad', 'the new token is in memory only'],
  broken: ['bad', 'cannot be used'],
};

/** The whole document. */
export function pageOf(snapshot: Snapshot): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>mailbearer</title>
        <link rel="icon" href="/icon.svg" />
        <link rel="stylesheet" href="/style.css" />
        <script src="/script.js" defer></script>
      </head>
      <body>
        <header>
          <h1>mailbearer</h1>
          <span class="dim" data-live="off">${snapshot.version}</span>
        </header>
        <main>${mainOf(snapshot)}</main>
      </body>
    </html> `.text;
}

/** What changes, and each event brings anew. */
export function mainOf(snapshot: Snapshot): Markup {
  const { accounts, messages } = snapshot;
  return html`<p class="dim">
      ${snapshot.ready ? 'Running' : 'Starting or stopping'} since ${day(snapshot.started_at)}; as of
      ${clock(snapshot.time)} UTC; ${counted(snapshot.client_sessions, 'client')} connected.
    </p>
    <h2>Accounts</h2>
    ${accounts.length === 0 ? html`<p class="card">There is none yet: <code>mailbearer get-token --help</code></p>` : accounts.map((account) => accountCard(account, Date.parse(snapshot.time)))}
    <h2>Messages of the last hour</h2>
    <div class="card">
      ${throughputOf(snapshot)}
      <p class="dim">${hourOf(snapshot)}</p>
    </div>
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
    ${problem}
  </section> `;
}

function totals({ messages }: AccountSnapshot): string {
  const { cut_off, deferred, refused, sent } = messages;
  const failures = Object.entries({ deferred, refused, 'cut off': cut_off }).filter(([, count]) => count > 0);
  return [`${sent} sent`, ...failures.map(([what, count]) => `${count} ${what}`)].join(', ');
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
