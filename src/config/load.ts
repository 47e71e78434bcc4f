/**
 * Finds and reads the configuration file: the one that is named, else the first that exists, else none, which
 * is no error. JSON with comments and trailing commas, as sasl-xoauth2 accepts it. What a file means is
 * parse.ts's.
 */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { AppError, describeCause, systemErrorCode } from '../core/errors.js';
import { merged, settingsOf, settingsVariable } from './environment.js';
import { parseLenientJson } from './lenient-json.js';
import { type Loaded, parseConfig } from './parse.js';
import { configCandidates } from './paths.js';
import { resolveSecrets } from './secret-references.js';

export interface LoadOptions {
  /** From `--config-file`. Like MAILBEARER_CONFIG, it must exist. */
  readonly configFile?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By default the user's own. */
  readonly homeDirectory?: string | undefined;
  /** By default the process's. */
  readonly userId?: number | undefined;
  /** By default `/etc`. */
  readonly systemDirectory?: string | undefined;
}

/** Throws AppError config-unreadable or config-invalid. */
export async function loadConfig(options: LoadOptions): Promise<Loaded> {
  const named = options.configFile ?? (options.env['MAILBEARER_CONFIG'] || undefined);
  if (named !== undefined) {
    const content = await read(named);
    if (content === undefined) throw unreadable(named, 'no such file');
    return parse(content, named, options.env);
  }
  const homeDirectory = options.homeDirectory ?? homedir();
  const candidates = configCandidates({
    systemDirectory: options.systemDirectory ?? '/etc',
    homeDirectory,
    userId: options.userId ?? process.getuid?.(),
  });
  const passedOver: string[] = [];
  for (const file of candidates) {
    const content = await read(file).catch((error: unknown) => {
      // `sudo` and `runuser` leave HOME as it was: somebody else's home says nothing to this user.
      if (!file.startsWith(homeDirectory) || !isDenied(error)) throw error;
      passedOver.push(`${file} is in a home directory that this user may not enter, and is passed over`);
      return undefined;
    });
    if (content === undefined) continue;
    const { config, warnings } = await parse(content, file, options.env);
    return { config, warnings: [...passedOver, ...warnings] };
  }
  const { config, warnings } = await withSettings({}, undefined, [], options.env);
  return { config, warnings: [...passedOver, ...warnings] };
}

function isDenied(error: unknown): boolean {
  return error instanceof AppError && systemErrorCode(error.cause) === 'EACCES';
}

/** Undefined when there is no such file. One that exists and can't be read must not be passed over in silence. */
async function read(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unreadable(file, code === 'EISDIR' ? 'it is a directory' : describeCause(error), error);
  }
}

function unreadable(file: string, reason: string, cause?: unknown): AppError {
  const denied = systemErrorCode(cause) === 'EACCES';
  const hint = denied
    ? `give this user the right to read it (ls -l ${file}), or name another file: --config-file FILE`
    : 'name the right file: --config-file FILE, or MAILBEARER_CONFIG in the environment';
  return new AppError('config-unreadable', `cannot read the configuration ${file}: ${reason}`, {
    hint,
    cause,
  });
}

/** With the secrets that it refers to. */
async function parse(content: string, source: string, env: LoadOptions['env']): Promise<Loaded> {
  const parsed = parseLenientJson(content);
  if (parsed.kind !== 'value')
    throw new AppError('config-invalid', `${source}: ${parsed.problem}`, {
      hint: 'the file must hold one JSON object; comments and trailing commas are allowed',
    });
  const { files, json } = await resolveSecrets(parsed.value, { env, source });
  return withSettings(json, source, files, env);
}

/** What the environment says as well wins over what a file says, whose secrets are resolved. */
async function withSettings(
  json: unknown,
  source: string | undefined,
  secretFiles: readonly string[],
  env: LoadOptions['env'],
): Promise<Loaded> {
  const settings = settingsOf(env);
  const place = `$${settingsVariable}`;
  const own = settings && (await resolveSecrets(settings, { env, source: place }));
  const files = own?.files.filter((file) => file !== place) ?? [];
  const { config, warnings } = parseConfig(
    own === undefined ? json : merged(json, own.json),
    own === undefined ? source : (source ?? place),
  );
  return { config: { ...config, source, secretFiles: [...new Set([...secretFiles, ...files])] }, warnings };
}
