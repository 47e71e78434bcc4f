/**
 * The answer to an authorization request, as a redirect's query or as text that a person pasted. Pure. An answer
 * counts only with our state in it: what a stranger sends is no answer, whatever else it says.
 */
import { Secret } from '../core/secret.js';

/** RFC 6749 section 4.1.2.1. */
export interface RefusingAnswer {
  readonly error: string;
  readonly description: string | undefined;
}

/** RFC 6749 section 4.1.2. Other parameters, such as `iss` and `scope`, say nothing that is needed. */
export type Answer = { readonly code: Secret } | RefusingAnswer;

/** The answer, or why these parameters are none. A parameter that comes twice does not count (section 3.1). */
export function readAnswer(parameters: URLSearchParams, state: string): Answer | string {
  const only = (name: string): string | undefined => {
    const values = parameters.getAll(name);
    return values.length === 1 && values[0] !== '' ? values[0] : undefined;
  };
  const error = only('error');
  const code = only('code');
  if (error === undefined && code === undefined) return 'it holds neither a code nor an error';
  if (only('state') !== state) return 'its state is not the one of this sign-in';
  if (error !== undefined) return { error, description: only('error_description') };
  return { code: new Secret(code ?? '') };
}

/** The query of a pasted address; quotes, brackets, spaces and a missing scheme are what copying does to it. */
export function pastedParameters(text: string): URLSearchParams {
  const query = /\?([^#]*)/.exec(text.trim().replace(/["'>]+$/, ''))?.[1];
  return new URLSearchParams(query ?? '');
}
