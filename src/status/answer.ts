/** Answers, as routes give them, and how they are sent. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { securityHeaders } from './guard.js';

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Undefined: it has answered by itself, and goes on doing so. */
export type Route = (
  request: IncomingMessage,
  response: ServerResponse,
) => Answer | undefined | Promise<Answer>;

export function plain(status: number, text: string, headers?: Answer['headers']): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${text}\n`, ...(headers && { headers }) };
}

export function send({ method }: IncomingMessage, response: ServerResponse, answer: Answer): void {
  const { body, headers, status, type } = answer;
  const length = Buffer.byteLength(body);
  response.writeHead(status, {
    ...securityHeaders,
    'content-type': type,
    'content-length': length,
    ...headers,
  });
  response.end(method === 'HEAD' ? undefined : body);
}
