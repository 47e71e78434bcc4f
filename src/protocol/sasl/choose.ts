/** The mechanisms that there are, and which of them a session uses. */
import type { Mechanism } from './mechanism.js';
import { oauthbearer } from './oauthbearer.js';
import { xoauth2 } from './xoauth2.js';

export const mechanisms = { xoauth2, oauthbearer } as const;

/** As configuration spells it. */
export type MechanismName = keyof typeof mechanisms;

/**
 * XOAUTH2 where a server offers both, since that is what Gmail and Exchange have longest; `wanted` decides
 * otherwise. Undefined when the server does not offer it.
 */
export function chooseMechanism(offered: ReadonlySet<string>, wanted?: MechanismName): Mechanism | undefined {
  const choices = wanted === undefined ? [xoauth2, oauthbearer] : [mechanisms[wanted]];
  return choices.find((mechanism) => offered.has(mechanism.keyword));
}
