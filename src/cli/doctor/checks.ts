/** All checks, in the order in which their lines stand. One more is one file, and one line here. */
import { accountCheck } from './account.js';
import type { AccountCheck, CheckDescription, MachineCheck } from './check.js';
import { claimsCheck, newClaimsCheck } from './claims.js';
import { configCheck } from './config.js';
import { daemonCheck } from './daemon.js';
import { databaseCheck } from './database.js';
import { clockCheck, dnsCheck, endpointCheck, proxyCheck, tlsCheck } from './endpoint.js';
import { filesCheck } from './files.js';
import { portsCheck } from './ports.js';
import { postfixChrootCheck } from './postfix-chroot.js';
import { postfixTlsCheck } from './postfix-tls.js';
import { postfixCheck } from './postfix.js';
import { refreshCheck } from './refresh.js';
import { authCheck, ehloCheck } from './smtp.js';
import { socketmapCheck } from './socketmap.js';

export const machineChecks: readonly MachineCheck[] = [configCheck, databaseCheck, filesCheck];

export const accountChecks: readonly AccountCheck[] = [
  accountCheck,
  clockCheck,
  dnsCheck,
  tlsCheck,
  proxyCheck,
  endpointCheck,
  claimsCheck,
  refreshCheck,
  newClaimsCheck,
  ehloCheck,
  authCheck,
];

export const surroundingChecks: readonly MachineCheck[] = [
  portsCheck,
  daemonCheck,
  postfixCheck,
  postfixTlsCheck,
  postfixChrootCheck,
  socketmapCheck,
];

export const allChecks: readonly CheckDescription[] = [
  ...machineChecks,
  ...accountChecks,
  ...surroundingChecks,
];
