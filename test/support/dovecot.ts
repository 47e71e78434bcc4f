/**
 * A private Dovecot: it answers Postfix's SASL questions on a socket, by asking an OpenID provider about each access
 * token (RFC 7662), and where a test wants it shows the mail by IMAP. No log file, nothing in /etc/dovecot.
 * Written for Dovecot 2.3, Debian 12's; 2.4 has another configuration language.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Certificate } from './certificates.js';
import { type RunningProgram, startProgram } from './process.js';

export interface Dovecot {
  /** For Postfix's `smtpd_sasl_path`. */
  readonly authSocket: string;
  /** Its output names each refused sign-in. */
  readonly program: RunningProgram;
  stop(): Promise<void>;
}

export interface DovecotOptions {
  readonly directory: string;
  /** RFC 7662 endpoint; user and password of the client that asks stand in the URL, as Dovecot wants it. */
  readonly introspectionUrl: URL;
  /** The field of its answer that must equal the login name. */
  readonly usernameAttribute: string;
  readonly imap?: ImapOptions | undefined;
}

export interface ImapOptions {
  /** TLS from the first octet, on 127.0.0.1. */
  readonly port: number;
  readonly certificate: Certificate;
  /** A Maildir for each login name. */
  readonly mailboxes: string;
}

export async function startDovecot(options: DovecotOptions): Promise<Dovecot> {
  const { directory } = options;
  const authSocket = join(directory, 'postfix-auth');
  const configFile = join(directory, 'dovecot.conf');
  await mkdir(directory, { recursive: true });
  await writeFile(
    join(directory, 'dovecot-oauth2.conf.ext'),
    `introspection_mode = post
introspection_url = ${options.introspectionUrl.href}
username_attribute = ${options.usernameAttribute}
active_attribute = active
active_value = true
`,
  );
  await writeFile(
    configFile,
    `base_dir = ${directory}/run
log_path = /dev/stderr
${options.imap === undefined ? 'protocols =\nssl = no' : imapService(options.imap)}
auth_mechanisms = xoauth2 oauthbearer
auth_verbose = yes
# Real servers answer a refused sign-in after two seconds and slow down who fails often; tests fail on purpose.
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = ${directory}/dovecot-oauth2.conf.ext
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=/nonexistent
}
service auth {
  unix_listener postfix {
    path = ${authSocket}
    mode = 0660
    user = postfix
    group = postfix
  }
}
`,
  );
  const program = startProgram('dovecot', ['-F', '-c', configFile]);
  try {
    await program.waitForOutput(/starting up/);
  } catch (error) {
    await program.stop();
    throw error;
  }
  return {
    authSocket,
    program,
    async stop() {
      await program.stop();
    },
  };
}

/** As the user that Postfix delivers as. */
function imapService({ certificate, mailboxes, port }: ImapOptions): string {
  return `protocols = imap
ssl = required
ssl_cert = <${certificate.certificateFile}
ssl_key = <${certificate.keyFile}
mail_location = maildir:${mailboxes}/%u
service imap-login {
  chroot =
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    address = 127.0.0.1
    port = ${port}
    ssl = yes
  }
}`;
}
