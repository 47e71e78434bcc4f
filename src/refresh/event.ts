/**
 * What happens to accounts, for whoever wants to hear of it. This is the JSON that `on_event` gets, described in
 * docs/foresight.md; no secret is in it. Times are ISO 8601.
 */
import type { EndingThing } from './foresight.js';
import type { Trouble } from './state-format.js';

interface About {
  readonly time: string;
  readonly account: string;
  readonly token_file: string;
  /** Null for an account whose file cannot be read. */
  readonly provider: string | null;
  /** One sentence. */
  readonly message: string;
  /** What to do, where something is to be done. */
  readonly hint: string | null;
}

export type AccountEvent = About &
  (
    | {
        readonly event: 'token-refreshed';
        readonly expires_at: string;
        readonly refresh_token_replaced: boolean;
      }
    /** `code` is one of docs/errors.md. */
    | { readonly event: Trouble; readonly code: string }
    | {
        readonly event: 'expires-soon';
        readonly what: EndingThing;
        readonly ends_at: string;
        /** 14, 7 or 1: the warning that this is. */
        readonly warning_days: number;
      }
    | { readonly event: 'recovered'; readonly after: Trouble }
  );
