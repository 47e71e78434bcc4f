/** The keys of `status`: where the daemon shows itself over HTTP. */
import { flag, path, read, text } from './schema-values.js';
import { parseStatusAddress } from './status.js';

export const statusShape = {
  listen: read(text, parseStatusAddress)
    .optional()
    .describe(
      'Where to serve health, metrics and the status page over HTTP: "127.0.0.1:8025" or another address of this' +
        ' machine alone, or "unix:/path". By default nowhere.',
    ),
  key_file: path
    .optional()
    .describe(
      'Absolute path of the key to the status page: whoever can read it may see the page. By default status.key in' +
        ' `state_dir`, which `serve` makes for its own user alone.',
    ),
  name_accounts: flag
    .default(false)
    .describe('Whether the metrics, which every user of the machine may read, name the accounts.'),
};
