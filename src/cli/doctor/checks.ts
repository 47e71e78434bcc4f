/** All checks, in the order in which one thing rests on the other. One more is one file, and one line here. */
import type { AccountCheck, MachineCheck } from './check.js';
import { claimsCheck } from './claims.js';
import { configCheck } from './config.js';
import { daemonCheck } from './daemon.js';
import { endpointCheck } from './endpoint.js';
import { filesCheck } from './files.js';
import { postfixCheck } from './postfix.js';
import { refreshCheck } from './refresh.js';
import { submissionCheck } from './submission.js';

export const machineChecks: readonly MachineCheck[] = [configCheck, filesCheck];

/** After one that fails, the rest of the same account is not looked at. */
export const accountChecks: readonly AccountCheck[] = [
  endpointCheck,
  refreshCheck,
  claimsCheck,
  submissionCheck,
];

export const surroundingChecks: readonly MachineCheck[] = [daemonCheck, postfixCheck];
