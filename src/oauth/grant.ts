/** A token where nobody has to sign in: which request each grant makes, and whether its files can be used. */
import type { Grant, OAuthClient, UnattendedGrant } from '../accounts/account.js';
import { systemClock } from '../core/clock.js';
import { AppError } from '../core/errors.js';
import { readClientCertificate } from './certificate.js';
import { classify } from './classify.js';
import { requestClientCredentials, requestJwtBearer } from './client.js';
import type { HttpOptions } from './http.js';
import type { RefreshOutcome } from './outcome.js';
import { runTokenCommand } from './token-command.js';

/** Loaded for those who have one: the library that signs is as large as all that the other grants need. */
const serviceAccounts = () => import('./service-account.js');

/** Never rejects for what files, programs, network or server do: a file that cannot be used is `misconfigured`. */
export async function requestGrant(
  client: OAuthClient,
  grant: UnattendedGrant,
  options: HttpOptions = {},
): Promise<RefreshOutcome> {
  const clock = options.clock ?? systemClock;
  try {
    switch (grant.kind) {
      case 'client-credentials': {
        const { certificate: files, scope } = grant;
        const certificate = files && (await readClientCertificate(files, clock.now()));
        return await requestClientCredentials(client, scope, certificate, options);
      }
      case 'service-account': {
        const { readServiceAccount, signServiceAssertion } = await serviceAccounts();
        const account = await readServiceAccount(grant.keyFile);
        const tokenEndpoint = grant.endpoint ?? account.tokenEndpoint ?? client.tokenEndpoint;
        const assertion = await signServiceAssertion(account, grant, tokenEndpoint, clock.now());
        return await requestJwtBearer({ ...client, tokenEndpoint }, assertion, options);
      }
      case 'command':
        return await runTokenCommand(grant.command, clock, [client.clientSecret]);
    }
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return classify({ kind: 'unusable', problem: error }, { now: clock.now(), secrets: [] });
  }
}

/**
 * Opens the files that the grant needs, and throws AppError config-invalid that names the one that cannot be used.
 * @param now milliseconds since the epoch
 */
export async function examineFiles(grant: Grant, now: number): Promise<void> {
  if (grant.kind === 'service-account') await (await serviceAccounts()).readServiceAccount(grant.keyFile);
  if (grant.kind === 'client-credentials' && grant.certificate !== undefined)
    await readClientCertificate(grant.certificate, now);
}
