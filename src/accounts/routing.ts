/**
 * Which account a sender's mail goes out through. Pure, and built anew whenever the accounts change. A broken
 * account keeps its senders: their mail waits for it and goes through no other.
 */
import { orDidYouMean } from '../config/nearest.js';
import { AppError } from '../core/errors.js';
import type { AnyAccount } from './account.js';

export interface Conflict {
  /** In lower case. */
  readonly sender: string;
  /** Those that claim it, the one that keeps it first. */
  readonly accounts: readonly AnyAccount[];
}

export interface Routes {
  /** `sender` is the address in MAIL FROM, "" for the null sender. Constant time. */
  readonly find: (sender: string) => AnyAccount | undefined;
  /** The default account. */
  readonly fallback: AnyAccount | undefined;
  /** A configuration error at start; while running, the earlier account keeps the sender. */
  readonly conflicts: readonly Conflict[];
  /** The configured default account when no account has that name. */
  readonly missingDefault: string | undefined;
}

/**
 * Case is ignored. In this order: the only account there is; the exact sender; `user+tag@` as `user@`;
 * `@domain`; the default account, which may be given by its name or by an address of its own.
 */
export function buildRoutes(accounts: readonly AnyAccount[], defaultAccount?: string): Routes {
  const owners = new Map<string, AnyAccount>();
  const contested = new Map<string, AnyAccount[]>();
  const byName = new Map<string, AnyAccount>();
  for (const account of accounts) {
    const name = account.name.toLowerCase();
    if (!byName.has(name)) byName.set(name, account);
    for (const sender of new Set(account.senders.map((sender) => sender.toLowerCase()))) {
      const first = owners.get(sender);
      if (first === undefined) owners.set(sender, account);
      else contested.set(sender, [...(contested.get(sender) ?? [first]), account]);
    }
  }
  const owner = (sender: string) => owners.get(sender);
  const wanted = defaultAccount?.toLowerCase();
  const fallback = wanted === undefined ? undefined : (byName.get(wanted) ?? owner(wanted));
  const only = accounts.length === 1 ? accounts[0] : undefined;
  return {
    find: (sender) => {
      if (only !== undefined) return only;
      // Mostly it comes as it was claimed.
      const claimant = owner(sender);
      if (claimant !== undefined) return claimant;
      const address = sender.toLowerCase();
      return owner(address) ?? coverings(address).map(owner).find(isKnown) ?? fallback;
    },
    fallback,
    conflicts: [...contested].map(([sender, claimants]) => ({ sender, accounts: claimants })),
    missingDefault: fallback === undefined ? defaultAccount : undefined,
  };
}

function isKnown(account: AnyAccount | undefined): boolean {
  return account !== undefined;
}

/** What else may be claimed that covers this address, the most precise first. A tag starts at the first `+`. */
export function coverings(address: string): string[] {
  const at = address.lastIndexOf('@');
  if (at < 0) return [];
  const domain = address.slice(at);
  const plus = address.indexOf('+');
  return plus > 0 && plus < at ? [address.slice(0, plus) + domain, domain] : [domain];
}

/** AppError config-invalid that names the accounts and their token files. */
export function describeConflict({ sender, accounts }: Conflict): AppError {
  const claimants = accounts.map(({ name, tokenFile }) => `${name} (${tokenFile})`);
  const message = `${claimants.length} accounts claim the sender ${sender}: ${claimants.join(', ')}`;
  return new AppError('config-invalid', message, {
    hint: 'take it from "senders" of all but one, or move the token files that are not wanted out of token_dir',
  });
}

/** AppError config-invalid for a `default_account` that no account answers to. */
export function describeMissingDefault(defaultAccount: string, accounts: readonly AnyAccount[]): AppError {
  const known = accounts.map(({ name }) => name);
  const complaint = `there is no account "${defaultAccount}"${orDidYouMean(defaultAccount, known)}`;
  return new AppError('config-invalid', `default_account: ${complaint}`, {
    hint: known.length === 0 ? 'add its token file to token_dir' : `set it to one of ${known.join(', ')}`,
  });
}
