/** What a server says when it refuses a bearer token, before its final word. */

/** What a server says in its error challenge (RFC 7628, 3.2.2; Google's `status` is an HTTP status). */
export interface ErrorChallenge {
  readonly status: string | undefined;
  /** The challenge as text, for the log. */
  readonly text: string;
}

export function parseErrorChallenge(base64: string): ErrorChallenge {
  const text = Buffer.from(base64, 'base64').toString('utf8').slice(0, 500);
  try {
    const parsed: unknown = JSON.parse(text);
    const status =
      typeof parsed === 'object' && parsed !== null && 'status' in parsed ? parsed.status : undefined;
    return {
      status: typeof status === 'string' || typeof status === 'number' ? `${status}` : undefined,
      text,
    };
  } catch {
    return { status: undefined, text };
  }
}
