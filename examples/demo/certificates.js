// @ts-check
/**
 * A throw-away certificate authority and one server certificate from it, as a company with a private CA has.
 * Keys stay in memory; no trust store is touched: mailbearer is told the authority's file (`ca_bundle_file`).
 */
import { generate } from 'selfsigned';

const dayMs = 86_400_000;

/**
 * @typedef {object} Certificates
 * @property {string} authority PEM text of the authority's own certificate.
 * @property {string} certificate PEM text of the server's, for localhost.
 * @property {string} key PEM text.
 */

/** @returns {Promise<Certificates>} */
export async function makeCertificates() {
  /** @type {{ keyType: 'ec', algorithm: string, notBeforeDate: Date, notAfterDate: Date }} */
  const usual = {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - dayMs),
    notAfterDate: new Date(Date.now() + dayMs),
  };
  const authority = await generate([{ name: 'commonName', value: 'mailbearer demo authority' }], {
    ...usual,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  });
  const server = await generate([{ name: 'commonName', value: 'localhost' }], {
    ...usual,
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      // 2: a DNS name (RFC 5280 section 4.2.1.6).
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
    ],
  });
  return { authority: authority.cert, certificate: server.cert, key: server.private };
}
