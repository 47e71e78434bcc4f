/**
 * The tables of docs/errors.md: the failure table, and with each failure what providers say then and what the program
 * makes of it.
 */
import { documentationOf, type FailureCode, failures, type Remedy } from '../../src/core/failures.js';
import { classify } from '../../src/oauth/classify.js';
import { enhancedCode } from '../../src/protocol/smtp/codes.js';
import { adviceForRefusal } from '../../src/relay/refusal-advice.js';
import { table } from './manual-tables.js';
import { type EndpointWords, endpointWords, serverWords } from './provider-words.js';

const codes = Object.keys(failures) as FailureCode[];

const mended: Readonly<Record<Remedy, string>> = {
  retry: 'waiting',
  reauthorize: 'a new sign-in',
  'fix-config': 'a change',
  'report-bug': 'a report to us',
};

export function errorTables(): ReadonlyMap<string, string> {
  return new Map([
    ['overview', table(['code', 'exit status', 'reply', 'what is wrong', 'mended by'], codes.map(overview))],
    ['entries', codes.map(entry).join('\n\n')],
    ['servers', table(['server', 'words', 'what they mean and what to do'], serverWords.map(serverRow))],
  ]);
}

function overview(code: FailureCode): string[] {
  const { exitStatus, remedy, summary } = failures[code];
  const [, anchor] = documentationOf(code).split('#');
  return [`[\`${code}\`](#${anchor})`, String(exitStatus), replyOf(code), summary, mended[remedy]];
}

function entry(code: FailureCode): string {
  const { advice, exitStatus, remedy, summary } = failures[code];
  const facts = `Exit status ${exitStatus}; reply ${replyOf(code)}; mended by ${mended[remedy]}.`;
  const said = endpointWords.filter((words) => words.code === code);
  const rows = table(['provider', 'words', 'what they mean and what to do'], said.map(endpointRow));
  return [`## ${code}`, `${sentence(summary)} ${facts}`, advice, ...(said.length === 0 ? [] : [rows])].join(
    '\n\n',
  );
}

function replyOf(code: FailureCode): string {
  const { reply } = failures[code];
  return `${reply.code} ${enhancedCode(reply.code, reply.detail)}`;
}

function endpointRow({ description, error, provider, status }: EndpointWords): string[] {
  const answer = {
    kind: 'answer',
    status,
    error,
    description,
    retryAfter: undefined,
    location: undefined,
  } as const;
  const outcome = classify(answer, { now: 0, secrets: [] });
  if (outcome.kind === 'transient') throw new Error(`nothing is known of ${error}: ${description}`);
  return [provider, `\`${error}: ${description}\``, sentence(outcome.advice)];
}

function serverRow({ provider, reply }: (typeof serverWords)[number]): string[] {
  return [provider, `\`${reply}\``, sentence(adviceForRefusal(reply) ?? '')];
}

function sentence(clause: string): string {
  return `${clause.charAt(0).toUpperCase()}${clause.slice(1)}.`;
}
