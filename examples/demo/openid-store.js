// @ts-check
/**
 * What oidc-provider remembers, in a Map of this process. It is oidc-provider's adapter interface and nothing
 * more: what has expired is told by oidc-provider itself, and nothing is ever thrown away before the end.
 */

/** @typedef {import('oidc-provider').AdapterPayload} Payload */

/** @returns {{ adapter: import('oidc-provider').AdapterFactory, clear(): void }} */
export function createStore() {
  /** @type {Map<string, Payload>} */
  const entries = new Map();

  /** @param {string} model @param {(payload: Payload) => boolean} matches */
  const search = (model, matches) => {
    for (const [key, payload] of entries) if (key.startsWith(`${model}:`) && matches(payload)) return payload;
    return undefined;
  };

  return {
    clear: () => entries.clear(),
    adapter: (model) => ({
      upsert: async (id, payload) => void entries.set(`${model}:${id}`, payload),
      find: async (id) => entries.get(`${model}:${id}`),
      findByUid: async (uid) => search(model, (payload) => payload.uid === uid),
      findByUserCode: async (userCode) => search(model, (payload) => payload.userCode === userCode),
      destroy: async (id) => void entries.delete(`${model}:${id}`),
      async consume(id) {
        const payload = entries.get(`${model}:${id}`);
        if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1000);
      },
      async revokeByGrantId(grantId) {
        for (const [key, payload] of entries) if (payload.grantId === grantId) entries.delete(key);
      },
    }),
  };
}
