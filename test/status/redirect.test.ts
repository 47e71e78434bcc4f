/** Where the browser comes back to, by the address that it reached and the name that the provider knows. */
import { expect, it } from 'vitest';
import { redirectFor } from '../../src/status/redirect.js';

it.each([
  ['127.0.0.1:8025', '127.0.0.1', 'http://127.0.0.1:8025/'],
  // ssh -L 9000:127.0.0.1:8025
  ['127.0.0.1:9000', '127.0.0.1', 'http://127.0.0.1:9000/'],
  ['localhost:8025', '127.0.0.1', 'http://127.0.0.1:8025/'],
  ['[::1]:8025', '127.0.0.1', 'http://[::1]:8025/'],
  ['127.0.0.1:8025', 'localhost', 'http://localhost:8025'],
  ['LOCALHOST:8025', 'localhost', 'http://localhost:8025'],
  ['127.0.0.1', 'localhost', 'http://localhost'],
] as const)('from %s, known as %s, it is %s', (reached, loopbackRedirectHost, uri) => {
  const redirect = redirectFor(reached, { loopbackRedirectHost });
  expect(redirect).toEqual({ uri, origin: uri.replace(/\/$/, '') });
});
