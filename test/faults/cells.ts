/** The ways in which an upstream is spoken to, and a test for each cell of the matrix in each of them. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { createCertificateAuthority } from '../support/certificates.js';
import { temporaryDirectory } from '../support/process.js';
import { faults, outcomeOf, type Outcome, type Stage, stages } from './matrix.js';
import { type Certificates, play, type Way } from './play.js';

export const inClear: readonly Way[] = [
  { name: 'in clear', tls: 'none', pipelining: true },
  { name: 'one command at a time', tls: 'none', pipelining: false },
];

export const overTls: readonly Way[] = [
  { name: 'after STARTTLS', tls: 'starttls', pipelining: true },
  { name: 'in implicit TLS', tls: 'implicit', pipelining: true },
];

export function playCells(ways: readonly Way[]): void {
  let certificates: Certificates;
  let remove: () => Promise<void>;
  beforeAll(async () => {
    const directory = await temporaryDirectory();
    remove = () => directory.remove();
    certificates = await makeCertificates(directory.path);
  });
  afterAll(() => remove());

  for (const way of ways) {
    for (const stage of stages.filter((one) => exists(one, way))) {
      describe(`an upstream, ${way.name}, at ${stage}`, () => {
        for (const fault of faults) {
          const outcome = outcomeOf(fault, stage);
          if (outcome.kind === 'none') continue;
          it(`with ${fault}: ${inWords(outcome)}`, () => play({ fault, stage, way, certificates }));
        }
      });
    }
  }
}

function exists(stage: Stage, { tls, pipelining }: Way): boolean {
  if (stage === 'connect') return tls === 'none' && pipelining;
  if (stage === 'STARTTLS') return tls === 'starttls';
  return stage !== 'TLS handshake' || tls !== 'none';
}

function inWords(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'deferred':
      return `${outcome.reply}, and the client keeps the message${outcome.twice ? ', which the upstream has' : ''}`;
    case 'passed on':
      return `its ${outcome.reply} is passed on`;
    case 'sent':
      return outcome.how === 'late' ? 'the message is sent' : 'the message is sent on a fresh session';
    case 'none':
      return 'nothing';
  }
}

async function makeCertificates(directory: string): Promise<Certificates> {
  const authority = await createCertificateAuthority(join(directory, 'authority'));
  const issue = async (...args: Parameters<typeof authority.issue>) => {
    const { certificate, key } = await authority.issue(...args);
    return { cert: certificate, key };
  };
  const good = await issue('good');
  const dayMs = 86_400_000;
  return {
    authorityFile: authority.certificateFile,
    good,
    bad: {
      'wrong name': await issue('wrong', { names: ['other.example'] }),
      'expired certificate': await issue('old', { validFrom: new Date(0), validTo: new Date(dayMs) }),
      'self-signed certificate': await issue('self', { selfSigned: true }),
      'TLS 1.1 at most': { ...good, maxVersion: 'TLSv1.1' },
    },
  };
}
