/**
 * What a killed refresh may leave behind. The file is whole, with every field and its mode, and its refresh token is
 * the newest that the provider gave; or the one before, and then only if the process had not yet put the file with
 * the new one in its place, nor told anybody that it had.
 */

/** One life, from its start to its end. */
export interface Evidence {
  /** The refresh token that stood in the file before. */
  readonly before: string;
  /** The newest that the provider has given. */
  readonly newest: string;
  /** The whole answer was given to the network. */
  readonly answered: boolean;
  /** The process knew that the new file stands in the place of the old one. */
  readonly replaced: boolean;
  /** The process knew that the new file is whole, wherever it lies. */
  readonly written: boolean;
  /** It said that the token is refreshed. */
  readonly told: boolean;
  /** What stands in the file now; undefined when there is none. */
  readonly text: string | undefined;
  readonly mode: number;
}

export type Verdict =
  /** `rotated` in this very life. */
  | { readonly kind: 'newest'; readonly rotated: boolean }
  /**
   * `answered`: the answer had been sent, and the process died before the file was in its place. `written`: the new
   * file lies beside it, and the next refresh must find it there.
   */
  | { readonly kind: 'one before'; readonly answered: boolean; readonly written: boolean }
  | { readonly kind: 'fault'; readonly what: string };

/** What a token file has in this proof beside its token, and what must survive. */
export const otherField = { note: 'not ours' } as const;
export const fileMode = 0o640;

export function judge(evidence: Evidence): Verdict {
  const { before, newest, answered, replaced, written, told, text, mode } = evidence;
  const fault = (what: string): Verdict => ({ kind: 'fault', what });
  if (text === undefined) return fault('there is no token file any more');
  const json = parse(text);
  if (json === undefined) return fault(`the file is not whole: ${JSON.stringify(text)}`);
  if (mode !== fileMode) return fault(`the mode of the file is ${mode.toString(8)}`);
  if (json['note'] !== otherField.note) return fault('a field is lost that is not ours');
  const found = json['refresh_token'];
  if (found === newest) return { kind: 'newest', rotated: newest !== before };
  if (found !== before)
    return fault('the refresh token in the file is neither the newest nor the one before');
  if (told) return fault('it said that the token is refreshed, and the file has the one before');
  if (replaced) return fault('the file was replaced, and has the one before');
  return { kind: 'one before', answered, written };
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
