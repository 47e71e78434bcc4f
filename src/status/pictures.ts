/** The pictures of the page, as SVG without a style of its own, which the page's policy would not let through. */
import { html, type Markup } from './markup.js';
import type { AccountSnapshot, Snapshot } from './snapshot.js';

const widthUnits = 1000;
const chartUnits = 100;

/**
 * The life of a token from left to right: what is gone, what is left, where the next refresh is due, and the refreshes
 * and failures since it was made. Undefined where there is no token.
 */
export function lifeOf(account: AccountSnapshot, now: number): Markup | undefined {
  if (account.issued_at === null || account.expires_at === null) return undefined;
  const [from, to] = [Date.parse(account.issued_at), Date.parse(account.expires_at)];
  const at = (moment: number) =>
    Math.round(Math.min(1, Math.max(0, (moment - from) / Math.max(1, to - from))) * widthUnits);
  const line = (moment: number, kind: string, title: string) =>
    html`<line class="${kind}" x1="${at(moment)}" x2="${at(moment)}" y1="0" y2="24"
      ><title>${title}</title></line
    >`;
  const marks = account.refreshes.flatMap(({ at: time, code, outcome }) => {
    const moment = Date.parse(time);
    if (moment < from - 5_000 || moment > to) return [];
    return [
      outcome === 'failed'
        ? line(moment, 'failed', `${clock(time)}: refresh failed (${code ?? ''})`)
        : line(moment, 'refreshed', `${clock(time)}: ${outcome}`),
    ];
  });
  const due = account.next_refresh === null ? undefined : Date.parse(account.next_refresh);
  const words = `token of ${account.account}: ${leftOf(account, now)}`;
  return html`<svg
    class="life"
    viewBox="0 0 ${widthUnits} 24"
    preserveAspectRatio="none"
    role="img"
    aria-label="${words}"
  >
    <rect class="all" width="${widthUnits}" height="24" rx="3" />
    <rect class="left" x="${at(now)}" width="${widthUnits - at(now)}" height="24" rx="3" />
    ${marks}${due !== undefined && due < to ? line(due, 'due', `${clock(account.next_refresh ?? '')}: refresh due`) : undefined}${line(now, 'now', 'now')}
  </svg>`;
}

/** Messages of the last hour, a bar for each minute. */
export function throughputOf({ throughput }: Snapshot): Markup {
  const most = Math.max(1, ...throughput.map(({ failed, sent }) => failed + sent));
  const scale = (count: number) => Math.round((count / most) * chartUnits * 10) / 10;
  const width = widthUnits / 60;
  const bars = throughput.map(({ at, failed, sent }, index) => {
    const x = Math.round(widthUnits - (throughput.length - index) * width);
    const [good, bad] = [scale(sent), scale(failed)];
    return html`<g
      ><title>${clock(at)}: ${sent} sent, ${failed} not</title
      ><rect
        class="sent"
        x="${x}"
        y="${chartUnits - good}"
        width="${Math.round(width) - 2}"
        height="${good}" /><rect
        class="failed"
        x="${x}"
        y="${chartUnits - good - bad}"
        width="${Math.round(width) - 2}"
        height="${bad}"
    /></g>`;
  });
  const sum = throughput.reduce((all, { sent }) => all + sent, 0);
  return html`<svg
    class="chart"
    viewBox="0 0 ${widthUnits} ${chartUnits + 1}"
    preserveAspectRatio="none"
    role="img"
    aria-label="${sum} messages sent in the last hour, at most ${most} a minute"
  >
    ${bars}
    <line class="base" x1="0" x2="${widthUnits}" y1="${chartUnits + 0.5}" y2="${chartUnits + 0.5}" />
  </svg>`;
}

export function leftOf({ expires_at }: AccountSnapshot, now: number): string {
  if (expires_at === null) return 'no token to use';
  const minutes = Math.floor((Date.parse(expires_at) - now) / 60_000);
  if (minutes < 0) return 'expired';
  return minutes < 120 ? `${minutes} min left` : `${Math.floor(minutes / 60)} h left`;
}

/** In UTC, as the log has it. */
export function clock(iso: string): string {
  return iso.slice(11, 19);
}
