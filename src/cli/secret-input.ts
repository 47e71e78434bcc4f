/**
 * Where `get-token` finds the client secret: a flag, a file, the environment, the configuration, a person; the
 * first that says something wins. An empty secret, when someone said so, means a public client. The value
 * never appears in a message.
 */
import { readFile } from 'node:fs/promises';
import { AppError, describeCause } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import type { Ui } from './ui.js';

export const secretVariable = 'MAILBEARER_CLIENT_SECRET';

export interface SecretSources {
  /** `--client-secret`, as sasl-xoauth2-tool has it. */
  readonly flag: string | undefined;
  /** `--client-secret-file`; what follows its first line is ignored, as editors add line ends. */
  readonly file: string | undefined;
  /** Of the process; an empty variable counts as unset. */
  readonly env: NodeJS.ProcessEnv;
  readonly configured: Secret | undefined;
  /** Whether to ask when nothing else says anything; without a question the client is public. */
  readonly ask: boolean;
}

/** Throws AppError config-unreadable or config-invalid about the file. */
export async function findClientSecret(
  sources: SecretSources,
  ui: Ui,
  signal?: AbortSignal,
): Promise<Secret> {
  const { flag, file, env, configured, ask } = sources;
  if (flag !== undefined) {
    if (flag !== '')
      ui.warn(
        `others can see --client-secret in the process list; --client-secret-file or ${secretVariable} hide it`,
      );
    return new Secret(flag);
  }
  if (file !== undefined) return readSecretFile(file, 'client secret', '--client-secret-file');
  const variable = env[secretVariable];
  if (variable) return new Secret(variable);
  if (configured !== undefined) return configured;
  const typed = ask
    ? await ui.askSecret('Client secret (not shown; empty for a public client): ', signal)
    : undefined;
  return typed ?? new Secret('');
}

/** Its first line; throws AppError config-unreadable or config-invalid that names `what` and the flag. */
export async function readSecretFile(path: string, what: string, flag: string): Promise<Secret> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new AppError('config-unreadable', `cannot read the ${what} from ${path}: ${describeCause(error)}`, {
      hint: `check ${flag}, and that you may read ${path}`,
      cause: error,
    });
  }
  const [line = ''] = text.split(/\r?\n/);
  if (line.trim() !== '') return new Secret(line.trim());
  throw new AppError('config-invalid', `${path} holds no ${what}: its first line is empty`, {
    hint: `write it into the file, or leave ${flag} out`,
  });
}
