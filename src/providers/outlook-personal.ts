/** Personal accounts by the server that Microsoft names for them; that of `outlook` takes them, too. */
import { outlook } from './outlook.js';
import type { Provider } from './provider.js';

export const outlookPersonal: Provider = {
  ...outlook,
  name: 'outlook-personal',
  title: 'Outlook.com, Hotmail and Live',
  // Its token endpoint is that of `outlook`, so it is chosen by name only.
  recognisedBy: () => false,
  inCloud: { public: 'outlook-personal' },
  smtp: { host: 'smtp-mail.outlook.com', port: 587, tls: 'starttls' },
};
