/** The keys of `auth` in an entry of `relay.listen`: how clients sign in there. */
import type { z } from 'zod';
import type { ListenerAuthSettings } from './listener.js';
import { oauth2 } from './oauth2-schema.js';
import { flag, section } from './schema-values.js';

export const listenerAuthShape = {
  required: flag.default(false).describe('Whether mail is taken after AUTH only.'),
  oauth2: oauth2.optional().describe('How tokens of XOAUTH2 and OAUTHBEARER are checked.'),
};

export const listenerAuth = section(listenerAuthShape);

export function toListenerAuth(raw: z.output<typeof listenerAuth>): ListenerAuthSettings {
  return { required: raw.required, oauth2: raw.oauth2 };
}
