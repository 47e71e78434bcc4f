/** Microsoft 365 for organizations: `outlook`, but for the tenant that a sign-in without --tenant takes. */
import { globalSignIn, microsoftClouds, microsoftSignIn } from './microsoft.js';
import { outlook } from './outlook.js';
import type { Provider } from './provider.js';

export const microsoft365: Provider = {
  ...outlook,
  name: 'microsoft365',
  title: 'Microsoft 365',
  ...microsoftSignIn(globalSignIn, 'organizations'),
  // Its token endpoint is that of `outlook`, so it is chosen by name only.
  recognisedBy: () => false,
  inCloud: { ...microsoftClouds, public: 'microsoft365' },
};
