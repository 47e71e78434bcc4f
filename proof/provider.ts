/** An identity provider that knows one token, and whose it is; it is asked as `introspection_url` in the mode `auth`. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface OneTokenProvider {
  readonly url: string;
  close(): Promise<void>;
}

export async function startProvider(token: string, email: string): Promise<OneTokenProvider> {
  const server = createServer((request, response) => {
    const isRight = request.headers.authorization === `Bearer ${token}`;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(isRight ? { active: true, email } : { active: false }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/introspect`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
