/**
 * The client's side of a SASL mechanism that carries a bearer token: one response, and one answer to the
 * server's error challenge, which must be given before the server says its final word (RFC 4954, 4).
 */
import type { Secret } from '../../core/secret.js';
import { oauthbearer } from './oauthbearer.js';
import { xoauth2 } from './xoauth2.js';

export interface Credentials {
  readonly user: string;
  readonly token: Secret;
  /** Of the server, for OAUTHBEARER's `host` and `port` (RFC 7628, 3.1). */
  readonly host: string;
  readonly port: number;
}

export interface Mechanism {
  /** As it stands in EHLO's AUTH line. */
  readonly keyword: string;
  /** Base64. */
  response(credentials: Credentials): string;
  /** Answers an error challenge; base64, possibly empty. */
  readonly errorAnswer: string;
}

export const mechanisms = { xoauth2, oauthbearer } as const;

/** As configuration spells it. */
export type MechanismName = keyof typeof mechanisms;

/**
 * XOAUTH2 where a server offers both, since that is what Gmail and Exchange have longest; `wanted` decides
 * otherwise. Undefined when the server does not offer it.
 */
export function chooseMechanism(offered: ReadonlySet<string>, wanted?: MechanismName): Mechanism | undefined {
  const choices = wanted === undefined ? [xoauth2, oauthbearer] : [mechanisms[wanted]];
  return choices.find((mechanism) => offered.has(mechanism.keyword));
}

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
