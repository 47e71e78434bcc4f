/**
 * A private Dovecot that does one thing: answer Postfix's SASL questions on a socket, by asking an OpenID
 * provider about each access token (RFC 7662). No mail protocol, no log file, nothing in /etc/dovecot.
 * Written for Dovecot 2.3, Debian 12's; 2.4 has another configuration language.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
protocols =
ssl = no
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
