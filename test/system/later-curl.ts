/** The curl of bookworm-backports, which `.ci/unpack` lays beside the machine's own. That one is of 7.88 and takes XOAUTH2 for OAUTHBEARER. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { unpackedDirectory } from '../support/debian-machine.js';

/** An environment in which `curl` is the later one, with its own libcurl. */
export function withLaterCurl(): NodeJS.ProcessEnv {
  const usr = join(unpackedDirectory('curl'), 'usr');
  // The only directory there: it is named after the architecture.
  const libraries = readdirSync(join(usr, 'lib')).map((name) => join(usr, 'lib', name));
  return {
    ...process.env,
    PATH: `${join(usr, 'bin')}:${process.env['PATH']}`,
    LD_LIBRARY_PATH: libraries.join(':'),
  };
}
