/** Requests to the status server, each on a connection of its own, which may be left at any time. */
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';

export interface Answered {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export async function get(port: number, path: string, asked: Asked = {}): Promise<Answered> {
  const answer = await begin(port, path, asked);
  return { status: answer.statusCode, headers: answer.headers, body: await text(answer) };
}

/** The body is still to come; destroying it hangs up. */
export function begin(port: number, path: string, asked: Asked = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, agent: false, ...asked }, resolve)
      .on('error', reject)
      .end();
  });
}
