/**
 * The client's side of a SASL mechanism that carries a bearer token: one response, and one answer to the
 * server's error challenge, which must be given before the server says its final word (RFC 4954, 4).
 */
import type { Secret } from '../../core/secret.js';

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
