/** The status page: all its facts in HTML that the server writes, so that it needs no script to be read. */
import { formatDuration } from '../core/duration.js';
import { accountList, filterForm } from './account-list.js';
import { documentOf } from './document.js';
import type { Selection } from './listing.js';
import { html, type Markup } from './markup.js';
import { clock, throughputOf } from './pictures.js';
import type { ClientSnapshot, MessageSnapshot, Snapshot } from './snapshot.js';
import { counted } from './words.js';

/** The whole document. */
export function pageOf(snapshot: Snapshot, selection: Selection): string {
  return documentOf({
    title: 'mailbearer',
    head: html`<script src="/script.js" defer></script>`,
    aside: html`<span class="dim" data-live="off">${snapshot.version}</span>`,
    above: filterForm(snapshot, selection),
    main: mainOf(snapshot, selection),
  });
}

/** What changes, and each event brings anew. */
export function mainOf(snapshot: Snapshot, selection: Selection): Markup {
  const { messages } = snapshot;
  return html`<p class="dim">
      ${snapshot.ready ? 'Running' : 'Starting or stopping'} since ${day(snapshot.started_at)}; as of
      ${clock(snapshot.time)} UTC; ${counted(snapshot.client_sessions, 'client')} connected.
    </p>
    ${databaseProblem(snapshot)}
    <h2>Accounts</h2>
    ${accountList(snapshot, selection)}
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

function databaseProblem({ database_problem: problem }: Snapshot): Markup | undefined {
  if (problem === null) return undefined;
  return html`<section class="card">
    <p class="problem">${problem}</p>
    <p class="dim">Known tokens are used until they expire, and other mail is deferred.</p>
  </section>`;
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

function day(iso: string): string {
  return `${iso.slice(0, 10)} ${clock(iso)}`;
}
