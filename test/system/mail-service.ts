/**
 * What stands for Google or Microsoft in the system tests: an OpenID provider, and Debian's Postfix with Dovecot
 * as a submission server that asks the provider about every token. All real, all on 127.0.0.1, and ended after the
 * tests of the file.
 */
import { join } from 'node:path';
import { type OpenIdProvider, startOpenIdProvider } from '../../examples/demo/openid-provider.js';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.js';
import { type Dovecot, startDovecot } from '../support/dovecot.js';
import { mailboxesOf, startSubmissionServer, type SubmissionServer } from '../support/postfix.js';
import { temporaryDirectory } from '../support/process.js';
import { teardown } from './teardown.js';

export interface MailService {
  /** The scene's own: for the relay, and for whatever else a test starts. */
  readonly directory: string;
  readonly accounts: readonly string[];
  readonly provider: OpenIdProvider;
  readonly authority: CertificateAuthority;
  readonly server: SubmissionServer;
  readonly dovecot: Dovecot;
}

export interface MailServiceOptions {
  /** Who can sign in. */
  readonly accounts: readonly string[];
  readonly recipients: readonly string[];
  readonly accessTokenSeconds?: number;
  /** As of the provider: strictly. By default not. */
  readonly rotate?: boolean;
  /** More main.cf lines for the server. */
  readonly mainCf?: string;
  /** Where the mail that has arrived is shown by IMAP, to whoever has a token. */
  readonly imapPort?: number;
}

export async function startMailService(options: MailServiceOptions): Promise<MailService> {
  const { path: directory, remove } = await temporaryDirectory();
  teardown.defer(remove);
  const provider = await startOpenIdProvider({
    accounts: options.accounts.map((email) => ({ sub: email, email })),
    ...(options.accessTokenSeconds === undefined ? {} : { accessTokenSeconds: options.accessTokenSeconds }),
    rotate: options.rotate ?? false,
  });
  teardown.defer(provider.close);
  const authority = await createCertificateAuthority(join(directory, 'certificates'));
  const introspectionUrl = new URL(provider.introspectionEndpoint);
  introspectionUrl.username = provider.mailServer.clientId;
  introspectionUrl.password = provider.mailServer.clientSecret;
  const upstream = join(directory, 'upstream');
  const certificate = await authority.issue('upstream');
  const dovecot = teardown.add(
    await startDovecot({
      directory: join(directory, 'dovecot'),
      introspectionUrl,
      usernameAttribute: 'username',
      imap:
        options.imapPort === undefined
          ? undefined
          : { port: options.imapPort, certificate, mailboxes: mailboxesOf(upstream) },
    }),
  );
  const server = teardown.add(
    await startSubmissionServer({
      directory: upstream,
      certificate,
      authSocket: dovecot.authSocket,
      recipients: options.recipients,
      ...(options.mainCf === undefined ? {} : { extra: options.mainCf }),
    }),
  );
  return { directory, accounts: options.accounts, provider, authority, server, dovecot };
}
