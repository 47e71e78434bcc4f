// @ts-check
/**
 * A submission server like those of mail providers, on 127.0.0.1 and a free port: STARTTLS, then XOAUTH2, then
 * mail. It asks the OpenID provider about every bearer token and keeps each message as the bytes that came, with
 * SMTP's dot-stuffing undone. It delivers nothing anywhere.
 */
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';

/** @typedef {import('./openid-provider.js').OpenIdProvider} OpenIdProvider */

/**
 * @typedef {object} ReceivedMessage
 * @property {Buffer} content
 * @property {string} accessToken What its sender had signed in with.
 */

/**
 * @typedef {object} SubmissionServerOptions
 * @property {OpenIdProvider} provider
 * @property {import('./certificates.js').Certificates} certificates
 * @property {boolean} [corrupt] Changes one byte of every message, to see whether anybody notices; default false.
 */

/**
 * @typedef {object} SubmissionServer
 * @property {number} port
 * @property {ReceivedMessage[]} messages In order of arrival.
 * @property {() => Promise<void>} close
 */

/** Gmail's: it goes out in base64 with code 334, and 535 follows when the client has read it. */
const refusal = { status: '400', schemes: 'Bearer', scope: 'smtp' };

/**
 * @param {SubmissionServerOptions} options
 * @returns {Promise<SubmissionServer>}
 */
export async function startSubmissionServer({ provider, certificates, corrupt = false }) {
  /** @type {ReceivedMessage[]} */
  const messages = [];
  const server = new SMTPServer({
    name: 'submission.example.test',
    cert: certificates.certificate,
    key: certificates.key,
    size: 35_882_577,
    heloResponse: '%s',
    hideENHANCEDSTATUSCODES: false,
    // Without TLS it offers no AUTH, and without AUTH it takes no mail.
    authMethods: ['XOAUTH2'],
    disableReverseLookup: true,
    onAuth({ username, accessToken = '' }, _session, answer) {
      introspect(provider, accessToken).then(
        ({ active, username: owner }) =>
          active && owner === username
            ? answer(null, { user: { accessToken } })
            : answer(null, { data: refusal }),
        answer,
      );
    },
    onData(stream, { user }, answer) {
      const { accessToken } = /** @type {{ accessToken: string }} */ (/** @type {unknown} */ (user));
      buffer(stream).then((content) => {
        if (corrupt) content.write('?', content.length >> 1);
        messages.push({ content, accessToken });
        return answer();
      }, answer);
    },
  });
  // A client that goes away is its own affair; without a listener it would end the process.
  server.on('error', () => undefined);
  const listener = server.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: /** @type {import('node:net').AddressInfo} */ (listener.address()).port,
    messages,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

/**
 * What the provider says about an access token (RFC 7662).
 *
 * @param {OpenIdProvider} provider
 * @param {string} token
 * @returns {Promise<{ active: boolean, username?: string }>}
 */
export async function introspect({ introspectionEndpoint, mailServer }, token) {
  const credentials = Buffer.from(`${mailServer.clientId}:${mailServer.clientSecret}`).toString('base64');
  const response = await fetch(introspectionEndpoint, {
    method: 'POST',
    headers: { authorization: `Basic ${credentials}` },
    body: new URLSearchParams({ token }),
  });
  if (!response.ok) throw new Error(`introspection: ${response.status} ${await response.text()}`);
  return /** @type {{ active: boolean, username?: string }} */ (await response.json());
}
