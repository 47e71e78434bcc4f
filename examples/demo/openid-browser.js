// @ts-check
/**
 * A person with a browser, played by a program: opens a page of the demo's OpenID provider, keeps cookies,
 * follows redirects, fills in the forms as they come, until it is sent to another site or there is no form left.
 * It knows no JavaScript and no other provider's pages.
 */

/** More pages than any flow has; beyond it the walk goes in circles. */
const longestWalk = 20;

/**
 * @typedef {object} Arrival
 * @property {string} url Where the walk ended.
 * @property {number} status
 * @property {string} page Its HTML.
 */

/**
 * Signs in at an authorization URL and follows the redirect to the client's loopback listener.
 *
 * @param {string | URL} authorizationUrl
 * @param {{ login: string, deny?: boolean, follow?: boolean }} answers `login` is the account's address; `deny` says
 * no to consent; `follow: false` stops before the redirect is followed, as when the browser is on another machine.
 * @returns {Promise<Arrival>}
 */
export function signIn(authorizationUrl, { login, deny = false, follow = true }) {
  return walk(authorizationUrl, { login }, deny ? 'deny' : undefined, follow);
}

/**
 * Enters a device flow's code and signs in.
 *
 * @param {string | URL} verificationUri
 * @param {string} userCode
 * @param {{ login: string, deny?: boolean }} answers
 * @returns {Promise<Arrival>}
 */
export function approveDevice(verificationUri, userCode, { login, deny = false }) {
  return walk(verificationUri, { login, user_code: userCode }, deny ? 'abort' : undefined, true);
}

/**
 * @param {string | URL} start
 * @param {Record<string, string>} answers Values for the form fields of these names.
 * @param {'deny' | 'abort' | undefined} refusal The button to press instead of "Continue", where there is one.
 * @param {boolean} follow
 * @returns {Promise<Arrival>}
 */
async function walk(start, answers, refusal, follow) {
  /** @type {Map<string, string>} */
  const cookies = new Map();
  const home = new URL(start).origin;
  let url = new URL(start);
  /** @type {URLSearchParams | undefined} */
  let body;
  let refused = false;

  for (let step = 0; step < longestWalk; step += 1) {
    const away = url.origin !== home;
    if (away && !follow) return { url: url.href, status: 0, page: '' };
    /** @type {RequestInit} */
    const request = { redirect: 'manual' };
    if (!away) request.headers = { cookie: [...cookies].map((pair) => pair.join('=')).join('; ') };
    if (body !== undefined) Object.assign(request, { method: 'POST', body });
    const response = await fetch(url, request);
    const page = await response.text();
    if (away) return { url: url.href, status: response.status, page };

    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (name !== undefined && value !== undefined) cookies.set(name, value);
    }
    const location = response.headers.get('location');
    const form = readForm(page);
    body = undefined;
    if (location !== null) {
      url = new URL(location, url);
    } else if (form !== undefined && !refused) {
      url = new URL(form.action, url);
      body = new URLSearchParams({ ...form.fields, ...pick(answers, form.fields) });
      refused = refusal !== undefined && page.includes(`name="${refusal}"`);
      if (refused) body.set(String(refusal), 'yes');
    } else {
      return { url: url.href, status: response.status, page };
    }
  }
  throw new Error(`sign-in at ${home} did not end after ${longestWalk} pages`);
}

/**
 * The first form of a page.
 *
 * @param {string} page
 */
function readForm(page) {
  const action = /<form[^>]*\baction="([^"]*)"/.exec(page)?.[1];
  if (action === undefined) return undefined;
  /** @type {Record<string, string>} */
  const fields = {};
  for (const [input] of page.matchAll(/<input[^>]*>/g)) {
    const name = /\bname="([^"]*)"/.exec(input)?.[1];
    if (name !== undefined) fields[name] = /\bvalue="([^"]*)"/.exec(input)?.[1] ?? '';
  }
  return { action, fields };
}

/** @param {Record<string, string>} values @param {Record<string, string>} fields */
function pick(values, fields) {
  return Object.fromEntries(Object.entries(values).filter(([name]) => name in fields));
}
