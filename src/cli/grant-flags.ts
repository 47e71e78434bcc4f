/**
 * The grants that nobody signs in for, as `get-token` is told of them: which one is meant, and what the configuration
 * must say for it. The passphrase of a key comes from a file, the environment or a person, and is never printed.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AppError } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import { isOpened } from '../oauth/certificate.js';
import type { Entry } from './account-entry.js';
import { readSecretFile } from './secret-input.js';
import type { Ui } from './ui.js';

export const passphraseVariable = 'MAILBEARER_KEY_PASSPHRASE';
export const unattendedGrants = ['client_credentials', 'service_account', 'command'] as const;
type GrantName = (typeof unattendedGrants)[number];

export interface GrantFlags {
  readonly grant?: GrantName;
  readonly certificateFile?: string;
  readonly keyFile?: string;
  readonly keyPassphraseFile?: string;
  readonly serviceAccountFile?: string;
  readonly tokenCommand?: string;
}

/** Each flag with the grant that it belongs to. */
const belongs = {
  certificateFile: ['client_credentials', '--certificate-file'],
  keyFile: ['client_credentials', '--key-file'],
  keyPassphraseFile: ['client_credentials', '--key-passphrase-file'],
  serviceAccountFile: ['service_account', '--service-account-file'],
  tokenCommand: ['command', '--token-command'],
} as const satisfies Record<string, readonly [GrantName, string]>;

/** The grant that the flags mean; undefined: somebody signs in. Throws AppError usage when they contradict each other. */
export function grantOf(flags: GrantFlags): GrantName | undefined {
  let { grant } = flags;
  for (const [flag, [of, name]] of Object.entries(belongs)) {
    if (flags[flag as keyof typeof belongs] === undefined) continue;
    if (grant !== undefined && grant !== of)
      throw new AppError('usage', `${name} belongs to --grant ${of}, not to ${grant}`, {
        hint: 'an account has one grant',
      });
    grant = of;
  }
  return grant;
}

export interface GrantEntry {
  readonly entry: Entry;
  readonly secrets: Entry;
}

/** What `accounts` must say. Throws AppError as readSecretFile, or the signal's reason. */
export async function grantEntry(
  grant: GrantName,
  flags: GrantFlags,
  env: NodeJS.ProcessEnv,
  ui: Ui,
  signal: AbortSignal,
): Promise<GrantEntry> {
  const { certificateFile, keyFile, serviceAccountFile, tokenCommand } = flags;
  const passphrase =
    keyFile === undefined ? undefined : await findPassphrase(keyFile, flags, env, ui, signal);
  return {
    entry: {
      grant,
      ...(certificateFile !== undefined && { certificate_file: resolve(certificateFile) }),
      ...(keyFile !== undefined && { key_file: resolve(keyFile) }),
      ...(passphrase && { key_passphrase: passphrase.place }),
      ...(serviceAccountFile !== undefined && { service_account_file: resolve(serviceAccountFile) }),
      ...(tokenCommand !== undefined && { token_command: tokenCommand }),
    },
    secrets: passphrase ? { key_passphrase: passphrase.value.reveal() } : {},
  };
}

async function findPassphrase(
  keyFile: string,
  { keyPassphraseFile }: GrantFlags,
  env: NodeJS.ProcessEnv,
  ui: Ui,
  signal: AbortSignal,
): Promise<{ value: Secret; place: Entry } | undefined> {
  if (keyPassphraseFile !== undefined) {
    const value = await readSecretFile(keyPassphraseFile, 'passphrase', '--key-passphrase-file');
    return { value, place: { file: resolve(keyPassphraseFile) } };
  }
  const variable = env[passphraseVariable];
  if (variable) return { value: new Secret(variable), place: { env: passphraseVariable } };
  // A key that cannot be read is found out where it is used.
  const pem = await readFile(keyFile, 'utf8').catch(() => '');
  let value: Secret | undefined;
  while (!isOpened(pem, value)) {
    if (value !== undefined) ui.say('That does not open it.');
    value = await ui.askSecret(`Passphrase of ${keyFile} (not shown): `, signal);
    if (value === undefined || value.isEmpty) return undefined;
  }
  if (value === undefined) return undefined;
  const file = `${resolve(keyFile)}.passphrase`;
  ui.say(`serve needs the passphrase, too: write it into ${file}, mode 0600.`);
  return { value, place: { file } };
}
