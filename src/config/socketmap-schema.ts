/** The keys of `socketmap`: where Postfix asks for logins and tokens. */
import { flag, read, section, text } from './schema-values.js';
import { parseSocketmapAddress, socketmapExposure } from './socketmap.js';

export const socketmapShape = {
  listen: read(text, parseSocketmapAddress)
    .optional()
    .describe(
      'Where Postfix may ask for login names and tokens (socketmap_table(5)): "unix:/var/spool/postfix/mailbearer/socketmap", or' +
        ' an address of this machine, such as "127.0.0.1:2526", with `insecure`. By default nowhere.',
    ),
  group: text
    .default('postfix')
    .describe(
      'Name or number of the group that may open the socket; its members get the tokens of all accounts.',
    ),
  insecure: flag
    .default(false)
    .describe(
      'Whether every user of this machine may have the tokens: a port has no owner, as a socket in a directory has.',
    ),
};

export const socketmap = section(socketmapShape).check(({ value, issues }) => {
  const problem = value.listen && socketmapExposure(value.listen, value.insecure);
  if (problem !== undefined)
    issues.push({ code: 'custom', message: problem, input: value.listen, path: ['listen'] });
});
