/**
 * The server's side of one AUTH exchange (RFC 4954, 4) without sockets, clock or opinions: base64 lines in; the next
 * challenge, or the proof that somebody must check, out. When a bearer token was refused, `refused` gives the failure
 * challenge, and the client's answer to it, whatever it is, ends the exchange.
 */
import type { Secret } from '../../core/secret.js';
import { type ServerMechanism, serverMechanisms } from './server-mechanisms.js';

/** What a client offers as a proof of who it is. */
export type Proof =
  | { readonly kind: 'password'; readonly user: string; readonly password: Secret }
  | {
      readonly kind: 'bearer';
      readonly mechanism: 'XOAUTH2' | 'OAUTHBEARER';
      /** Undefined where OAUTHBEARER leaves it to the token. */
      readonly user: string | undefined;
      /** Empty where OAUTHBEARER has none, to be refused. */
      readonly token: Secret;
    };

export type ServerStep =
  /** To be sent after `334 `. */
  | { readonly kind: 'challenge'; readonly base64: string }
  | { readonly kind: 'check'; readonly proof: Proof }
  /** The exchange is over, for one of the reasons that RFC 4954 has a reply for. */
  | { readonly kind: 'cancelled' | 'undecodable' | 'malformed' | 'refused' };

/** RFC 4954, 4: the longest line of base64 that must be taken, without its CR LF. */
export const longestResponseOctets = 12_288;

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
/** None of them may be in a name (RFC 4616, 2; RFC 8265, 3.3). */
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/;

export class SaslExchange {
  readonly #mechanism: ServerMechanism;
  readonly #responses: string[] = [];
  #ending = false;

  /** Undefined for a mechanism that there is not. */
  static of(keyword: string): SaslExchange | undefined {
    const mechanism = serverMechanisms.get(keyword.toUpperCase());
    return mechanism && new SaslExchange(mechanism);
  }

  private constructor(mechanism: ServerMechanism) {
    this.#mechanism = mechanism;
  }

  /** @param initial as it stood in the AUTH command; undefined for none, "=" for an empty one (RFC 4954, 4) */
  begin(initial: string | undefined): ServerStep {
    if (initial === undefined) return this.#ask();
    return initial === '=' ? this.#take('') : this.respond(initial);
  }

  respond(line: string): ServerStep {
    if (line === '*') return { kind: 'cancelled' };
    // The dummy answer: curl sends none of what RFC 7628 asks for, and nothing hangs on it.
    if (this.#ending) return { kind: 'refused' };
    return base64.test(line) ? this.#take(line) : { kind: 'undecodable' };
  }

  /** The proof was refused. @param challenge JSON, from whoever checked the token */
  refused(challenge: string | undefined): ServerStep {
    if (challenge === undefined) return { kind: 'refused' };
    this.#ending = true;
    return { kind: 'challenge', base64: Buffer.from(challenge).toString('base64') };
  }

  #take(response: string): ServerStep {
    const text = decoded(response);
    // Not UTF-8: preparing it as a name fails, and so does the check (RFC 4616, 2).
    if (text === undefined) return { kind: 'refused' };
    this.#responses.push(text);
    if (this.#responses.length < this.#mechanism.prompts.length) return this.#ask();
    const proof = this.#mechanism.read(this.#responses);
    if (proof === 'malformed' || proof === 'refused') return { kind: proof };
    if (proof.user !== undefined && (proof.user === '' || controlCharacter.test(proof.user)))
      return { kind: 'refused' };
    return { kind: 'check', proof };
  }

  #ask(): ServerStep {
    const prompt = this.#mechanism.prompts[this.#responses.length]!;
    return { kind: 'challenge', base64: Buffer.from(prompt).toString('base64') };
  }
}

function decoded(response: string): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(response, 'base64'));
  } catch {
    return undefined;
  }
}
