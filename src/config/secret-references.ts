/**
 * Secrets that a configuration does not hold itself: `{ "file": … }`, `{ "env": … }` or `{ "credential": … }` (of
 * systemd, or a secret of Docker) in place of the text. They are looked up when the configuration is read, before
 * anything else is made of it. Throws AppError config-invalid that names the key, never a value.
 */
import { readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { AppError, describeCause } from '../core/errors.js';
import { isObject } from './lenient-json.js';

/**
 * Keys whose value may stand elsewhere, at the top level, in the entries of `providers` and `accounts`, in `oauth2`, and in
 * `postgres` (there, it must): secrets, and a URL that may hold a password.
 */
export const referableKeys: ReadonlySet<string> = new Set([
  'client_secret',
  'key_passphrase',
  'proxy',
  'password',
  'keys',
]);
const sections = ['providers', 'accounts'] as const;
/** Where a secret may stand instead, by the word in front of it. */
export const secretPlaces = ['file', 'env', 'credential'] as const;

/** Where Docker mounts secrets. */
const dockerSecrets = '/run/secrets';

export interface SecretSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The configuration file, for messages. */
  readonly source: string;
}

export interface ResolvedSecrets {
  /** The same JSON with the secrets in their places; what is not understood stays for the schema to refuse. */
  readonly json: unknown;
  /** Files whose readers read a secret: those referred to, and the configuration itself when it holds one. */
  readonly files: readonly string[];
}

export async function resolveSecrets(
  json: unknown,
  surroundings: SecretSurroundings,
): Promise<ResolvedSecrets> {
  if (!isObject(json)) return { json, files: [] };
  const files = new Set<string>();
  const resolved = await resolveIn(json, '', surroundings, files);
  for (const section of sections) {
    const entries = resolved[section];
    if (!isObject(entries)) continue;
    const copies: Record<string, unknown> = {};
    for (const [name, entry] of Object.entries(entries))
      copies[name] = isObject(entry)
        ? await resolveIn(entry, `${section}.${name}.`, surroundings, files)
        : entry;
    resolved[section] = copies;
  }
  const { postgres } = resolved;
  if (isObject(postgres)) {
    for (const key of ['password', 'keys'])
      if (typeof postgres[key] === 'string')
        throw new AppError('config-invalid', `${surroundings.source}: postgres.${key} must not stand there`, {
          hint: forms,
        });
    resolved['postgres'] = await resolveIn(postgres, 'postgres.', surroundings, files);
  }
  const resolveOAuth2 = (oauth2: unknown, at: string) =>
    isObject(oauth2) ? resolveIn(oauth2, `${at}.`, surroundings, files) : oauth2;
  const { relay } = resolved;
  // A key that is not there must not be there with nothing, either: settings of the environment would win with it.
  if (relay !== undefined)
    resolved['relay'] = await within(relay, ['listen', 'auth', 'oauth2'], 'relay', resolveOAuth2);
  return { json: resolved, files: [...files] };
}

/** A copy of `value` in which what the path leads to is replaced; each list on the way is gone through. */
async function within(
  value: unknown,
  path: readonly string[],
  at: string,
  replace: (value: unknown, at: string) => unknown,
): Promise<unknown> {
  if (Array.isArray(value))
    return Promise.all(value.map((item, index) => within(item, path, `${at}[${index}]`, replace)));
  const [key, ...rest] = path;
  if (key === undefined) return replace(value, at);
  if (!isObject(value) || value[key] === undefined) return value;
  return { ...value, [key]: await within(value[key], rest, `${at}.${key}`, replace) };
}

async function resolveIn(
  object: Readonly<Record<string, unknown>>,
  prefix: string,
  surroundings: SecretSurroundings,
  files: Set<string>,
): Promise<Record<string, unknown>> {
  const copy = { ...object };
  for (const [key, value] of Object.entries(object)) {
    if (holdsCredentials(value)) files.add(surroundings.source);
    if (!referableKeys.has(key)) continue;
    if (isObject(value)) {
      copy[key] = await lookUp(value, `${prefix}${key}`, surroundings);
      // A credential's mode is the service manager's affair: Docker's are 0444.
      if (typeof value['file'] === 'string') files.add(value['file']);
    } else if (value !== '' && key !== 'proxy') files.add(surroundings.source);
  }
  return copy;
}

/** `https://id:secret@host`. */
function holdsCredentials(value: unknown): boolean {
  return typeof value === 'string' && /^https?:\/\/[^/]*:[^/]*@/i.test(value);
}

async function lookUp(
  reference: Readonly<Record<string, unknown>>,
  key: string,
  { env, source }: SecretSurroundings,
): Promise<string> {
  const wrong = (what: string, hint: string, cause?: unknown) =>
    new AppError('config-invalid', `${source}: ${key}: ${what}`, { hint, cause });
  const [[kind, name] = [], ...more] = Object.entries(reference);
  if (more.length > 0 || typeof name !== 'string' || name === '')
    throw wrong('expected a string, or one of "file", "env" and "credential"', forms);
  switch (kind) {
    case 'env': {
      const value = env[name];
      if (value !== undefined && value !== '') return value;
      throw wrong(
        `the environment has no ${name}`,
        `set ${name}, in Environment= or EnvironmentFile= of the unit`,
      );
    }
    case 'credential':
      if (/[/\0]/.test(name)) throw wrong('a credential has a name, not a path', forms);
      return readSecret(join(env['CREDENTIALS_DIRECTORY'] ?? dockerSecrets, name), (cause) =>
        wrong(
          `there is no credential ${name}: ${describeCause(cause)}`,
          // Who tests at a prompt what a unit runs with is outside of it.
          `add LoadCredential=${name}:/path to the unit, or the secret to the container; while the unit runs, root may ` +
            `test with CREDENTIALS_DIRECTORY=/run/credentials/UNIT.service`,
          cause,
        ),
      );
    case 'file':
      if (!isAbsolute(name)) throw wrong(`${name} is no absolute path`, forms);
      return readSecret(name, (cause) =>
        wrong(
          `${name} cannot be read: ${describeCause(cause)}`,
          `write the secret into ${name}, for this user to read: ls -l ${name}`,
          cause,
        ),
      );
    case undefined:
    default:
      throw wrong(`"${kind}" is no place for a secret`, forms);
  }
}

const forms = 'write { "file": "/path" }, { "env": "NAME" } or { "credential": "NAME" }';

/** Without the line end that editors and `echo` add. An empty one would make a public client of its owner. */
async function readSecret(path: string, failure: (cause: unknown) => AppError): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw failure(cause);
  }
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '') throw failure(new Error('it is empty'));
  return secret;
}
