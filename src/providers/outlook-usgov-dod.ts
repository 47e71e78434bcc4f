/** Microsoft 365 in the cloud of the U.S. Department of Defense, with the sign-in and the scopes of `outlook-usgov`. */
import { outlookUsGov } from './outlook-usgov.js';
import type { Provider } from './provider.js';

export const outlookUsGovDod: Provider = {
  ...outlookUsGov,
  name: 'outlook-usgov-dod',
  title: 'Microsoft 365 U.S. Department of Defense',
  // Its token endpoint is that of `outlook-usgov`, so it is chosen by name only.
  recognisedBy: () => false,
};
