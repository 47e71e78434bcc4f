/**
 * One port's answer to a proof: who it is, or that it is nobody, or that this cannot be told now. Asks the checks that
 * the port has, and spares them the guesses of who guesses too often. A proof that was good before is never held
 * up by other people's guesses, wherever they come from. Knows no SMTP, and logs nothing.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { AppError } from '../core/errors.js';
import type { Proof } from '../protocol/sasl/server.js';
import type { AttemptLimiter } from './attempt-limiter.js';
import type { AuthVerdict, BearerCheck, BearerMechanism, Identity, PasswordCheck } from './identity.js';

export interface AuthenticatorOptions {
  readonly limiter: AttemptLimiter;
  /** Asked in turn; the first that accepts decides. */
  readonly passwords: readonly PasswordCheck[];
  readonly bearer: BearerCheck | undefined;
}

type Confirm = (identity: Identity) => Promise<AuthVerdict>;

/** Far more than one relay has clients; those beyond are only treated as strangers. */
const mostKnown = 10_000;

/** RFC 7628, 3.2.2, and what Google's servers say; for a refusal that says nothing of its own. */
const challenges: Readonly<Record<BearerMechanism, string>> = {
  XOAUTH2: '{"status":"401","schemes":"bearer","scope":"mail"}',
  OAUTHBEARER: '{"status":"invalid_token"}',
};

export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #key = randomBytes(32);
  /** Digests of proofs that were good when they were seen last. */
  readonly #known = new Set<string>();
  /** By the same digests. */
  readonly #underWay = new Map<string, Promise<AuthVerdict>>();

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /** As EHLO names them. */
  get mechanisms(): readonly string[] {
    const { bearer, passwords } = this.#options;
    return [
      ...(passwords.length > 0 ? ['PLAIN', 'LOGIN'] : []),
      ...(bearer === undefined ? [] : ['XOAUTH2', 'OAUTHBEARER']),
    ];
  }

  /**
   * @param peer the client's address
   * @param confirm has the last word on who was found to be who
   */
  async authenticate(proof: Proof, peer: string, confirm?: Confirm): Promise<AuthVerdict> {
    const digest = this.#digest(proof);
    const first = this.#underWay.get(digest);
    if (first !== undefined) {
      // The same proof is no other guess: ten connections that a client opens at once are one.
      const verdict = await first;
      if (verdict.kind !== 'accepted') return verdict;
    }
    if (this.#known.has(digest)) return this.#judge(proof, digest, peer, confirm);
    const name = proof.user?.toLowerCase() ?? '';
    const { limiter } = this.#options;
    if (!limiter.take(peer, name))
      return {
        kind: 'unavailable',
        cause: new AppError('auth-limited', `too many failed sign-ins from ${peer}`),
      };
    const judged = this.#judge(proof, digest, peer, confirm);
    this.#underWay.set(digest, judged);
    const verdict = await judged.finally(() => this.#underWay.delete(digest));
    if (verdict.kind === 'accepted' || (verdict.kind === 'unavailable' && verdict.isGuess !== true))
      limiter.forgive(peer, name);
    return verdict;
  }

  async #judge(
    proof: Proof,
    digest: string,
    peer: string,
    confirm: Confirm | undefined,
  ): Promise<AuthVerdict> {
    const found = await this.#check(proof, peer);
    const confirmed = found.kind === 'accepted' ? await confirm?.(found.identity) : undefined;
    const verdict = withChallenge(confirmed ?? found, proof);
    if (verdict.kind === 'accepted') this.#remember(digest);
    else if (verdict.kind === 'refused') this.#known.delete(digest);
    return verdict;
  }

  #check(proof: Proof, peer: string): Promise<AuthVerdict> {
    return proof.kind === 'password' ? this.#checkPassword(proof, peer) : this.#checkToken(proof, peer);
  }

  async #checkPassword(
    { password, user }: Extract<Proof, { kind: 'password' }>,
    peer: string,
  ): Promise<AuthVerdict> {
    let unavailable: Extract<AuthVerdict, { kind: 'unavailable' }> | undefined;
    let isGuess = false;
    for (const check of this.#options.passwords) {
      const verdict = await check.check(user, password, peer);
      if (verdict.kind === 'accepted') return verdict;
      if (verdict.kind === 'refused') isGuess = true;
      // What one of them could not tell, another's refusal does not answer.
      else unavailable ??= verdict;
    }
    return unavailable === undefined ? { kind: 'refused' } : { ...unavailable, isGuess };
  }

  async #checkToken(
    { mechanism, token, user }: Extract<Proof, { kind: 'bearer' }>,
    peer: string,
  ): Promise<AuthVerdict> {
    return (await this.#options.bearer?.check(user, token, mechanism, peer)) ?? { kind: 'refused' };
  }

  #digest(proof: Proof): string {
    const secret = proof.kind === 'password' ? proof.password : proof.token;
    // Each mechanism has challenges of its own.
    const way = proof.kind === 'password' ? proof.kind : proof.mechanism;
    return createHmac('sha256', this.#key)
      .update(JSON.stringify([way, proof.user, secret.reveal()]))
      .digest('base64');
  }

  #remember(digest: string): void {
    this.#known.delete(digest);
    this.#known.add(digest);
    if (this.#known.size > mostKnown) this.#known.delete(this.#known.values().next().value!);
  }
}

/** A client with a token waits for a challenge before the last word (RFC 7628, 3.2.3). */
function withChallenge(verdict: AuthVerdict, proof: Proof): AuthVerdict {
  if (verdict.kind !== 'refused' || proof.kind !== 'bearer') return verdict;
  return { kind: 'refused', challenge: verdict.challenge ?? challenges[proof.mechanism] };
}
