/**
 * JWTs verified here (RFC 7519, 7515), with keys of a directory and of the provider's JWKS. It judges signature, times,
 * issuer and audience; whose the token is, and what for, is token-fields.ts's.
 */
import type { KeyObject } from 'node:crypto';
import {
  createRemoteJWKSet,
  type CryptoKey,
  customFetch,
  decodeJwt,
  errors,
  type JWTPayload,
  jwtVerify,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
} from 'jose';
import type { OAuth2Settings } from '../config/oauth2.js';
import type { Clock } from '../core/clock.js';
import { AppError, describeCause } from '../core/errors.js';
import type { Secret } from '../core/secret.js';
import { parseAnswer } from '../oauth/normalise.js';
import { readKey } from './key-directory.js';
import type { ProviderRequests } from './provider-requests.js';
import { type Look, refused } from './token-fields.js';

const sizes = ['256', '384', '512'];
const algorithms = ['RS', 'PS', 'ES', 'HS'].flatMap((family) => sizes.map((size) => family + size));

/** How far the provider's clock may be ahead of ours. It never lengthens a token's life. Seconds. */
const clockToleranceSeconds = 30;

/** Whether a token is meant to be read: then it is judged here, however damaged, and nowhere else. */
export function isJwt(token: Secret): boolean {
  const [header = '', ...rest] = token.reveal().split('.');
  return rest.length === 2 && parseAnswer(Buffer.from(header, 'base64url').toString()) !== undefined;
}

export type JwtCheck = (token: Secret) => Promise<Look>;

export function createJwtCheck(
  settings: OAuth2Settings,
  local: NonNullable<OAuth2Settings['local']>,
  requests: ProviderRequests,
  clock: Clock,
): JwtCheck {
  const keyOf = keySource(local, requests);
  return async (token) => {
    const now = clock.now();
    try {
      const payload = await verify(token.reveal(), keyOf, {
        algorithms,
        issuer: [...settings.issuers],
        ...(settings.clientId !== undefined && { audience: settings.clientId }),
        requiredClaims: ['exp'],
        clockTolerance: clockToleranceSeconds,
        currentDate: new Date(now),
      });
      if (payload.iat !== undefined && payload.iat > now / 1000 + clockToleranceSeconds)
        return refused('the token was issued in the future');
      if (typeof payload.sub !== 'string') return refused('the token has no sub');
      return { kind: 'known', fields: payload, local: true };
    } catch (error) {
      if (error instanceof AppError) return { kind: 'unavailable', cause: error };
      if (isOfToken(error)) return refused(`the JWT is not valid: ${error.message}`);
      const cause = new AppError('auth-unavailable', `a JWT cannot be verified: ${describeCause(error)}`, {
        hint: 'look at the keys in jwks_url and local_validation_key_dict',
        cause: error,
      });
      return { kind: 'unavailable', cause };
    }
  };
}

/** A token that does not name its key (`kid` may be left out, RFC 7515, 4.1.4) may be of each that would fit. */
async function verify(token: string, keyOf: JWTVerifyGetKey, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, keyOf, options)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    for await (const key of error) {
      try {
        return (await jwtVerify(token, key, options)).payload;
      } catch (fault) {
        if (!(fault instanceof errors.JWSSignatureVerificationFailed)) throw fault;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

/** Other errors of jose are of keys, and not the fault of who brings a token. */
function isOfToken(error: unknown): error is errors.JOSEError {
  return (
    error instanceof errors.JWTClaimValidationFailed ||
    error instanceof errors.JWTExpired ||
    error instanceof errors.JWTInvalid ||
    error instanceof errors.JWSInvalid ||
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JOSEAlgNotAllowed ||
    error instanceof errors.JOSENotSupported ||
    error instanceof errors.JWKSNoMatchingKey
  );
}

type Key = CryptoKey | KeyObject | Uint8Array;

function keySource(
  { jwksUrl, keyDirectory }: NonNullable<OAuth2Settings['local']>,
  requests: ProviderRequests,
): JWTVerifyGetKey {
  // It keeps the keys for ten minutes, and asks for one that it does not know once in 30 seconds at most.
  const published =
    jwksUrl &&
    createRemoteJWKSet(jwksUrl, {
      // requests has a limit of its own, and words for it.
      timeoutDuration: 600_000,
      [customFetch]: async () => Response.json(await requests.json('jwks_url', { url: jwksUrl })),
    });
  return async (header, token): Promise<Key> => {
    const { alg, kid } = header;
    if (keyDirectory !== undefined) {
      const { azp } = decodeJwt(`.${typeof token.payload === 'string' ? token.payload : ''}.`);
      if (azp !== undefined && typeof azp !== 'string') throw new errors.JWTInvalid('azp is no string');
      const key = await readKey(keyDirectory, { azp, alg, kid });
      if (key !== undefined) return key;
    }
    // What everybody may read cannot be a shared secret.
    if (published === undefined || alg.startsWith('HS')) throw new errors.JWKSNoMatchingKey();
    return published(header, token);
  };
}
