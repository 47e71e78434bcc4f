/**
 * A Google service account that speaks for a mailbox (domain-wide delegation): the key file as Google hands it out,
 * and the assertion made with it. The only importer of jose.
 * Source: developers.google.com/identity/protocols/oauth2/service-account (HTTP/REST).
 */
import { readFile } from 'node:fs/promises';
import { importPKCS8, SignJWT } from 'jose';
import type { Grant } from '../accounts/account.js';
import { AppError, describeCause } from '../core/errors.js';
import { Secret } from '../core/secret.js';

/** Google takes an hour at most; this one is used at once. Seconds. */
const lifetimeSeconds = 300;

interface KeyFile {
  readonly client_email: string;
  readonly private_key: string;
  readonly private_key_id: string | undefined;
  readonly token_uri: string | undefined;
}

/**
 * Throws AppError config-invalid for a key file that cannot be used.
 * @param now milliseconds since the epoch
 */
export async function signServiceAssertion(
  { keyFile, scope, subject }: Grant & { kind: 'service-account' },
  tokenEndpoint: URL,
  now: number,
): Promise<Secret> {
  const { client_email, private_key, private_key_id, token_uri } = await readKeyFile(keyFile);
  const issuedAt = Math.floor(now / 1000);
  try {
    const key = await importPKCS8(private_key, 'RS256');
    const jwt = new SignJWT({ scope })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', ...(private_key_id && { kid: private_key_id }) })
      .setIssuer(client_email)
      .setSubject(subject)
      .setAudience(token_uri ?? tokenEndpoint.href)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + lifetimeSeconds);
    return new Secret(await jwt.sign(key));
  } catch (cause) {
    throw wrong(
      `the private_key in ${keyFile} cannot be used`,
      'create a new JSON key for the service account',
      cause,
    );
  }
}

async function readKeyFile(file: string): Promise<KeyFile> {
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  } catch (cause) {
    // What JSON.parse says quotes the text, and that is a key.
    const why = cause instanceof SyntaxError ? 'it is not JSON' : describeCause(cause);
    throw wrong(`cannot read the service account's key ${file}: ${why}`, `ls -l ${file}`);
  }
  const field = (name: string) => (typeof json?.[name] === 'string' ? json[name] : undefined);
  const [client_email, private_key] = [field('client_email'), field('private_key')];
  if (client_email === undefined || private_key === undefined)
    throw wrong(
      `${file} is no key of a service account`,
      'it must be the JSON file that Google hands out: "type": "service_account"',
    );
  return {
    client_email,
    private_key,
    private_key_id: field('private_key_id'),
    token_uri: field('token_uri'),
  };
}

function wrong(message: string, hint: string, cause?: unknown): AppError {
  return new AppError('config-invalid', message, { hint, cause });
}
