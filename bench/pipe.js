// @ts-check
/**
 * A TCP pipe in Node that understands nothing: the bound of what a relay in Node can reach.
 *
 *   node pipe.js LISTEN_PORT UPSTREAM_PORT
 */
import { connect, createServer } from 'node:net';

const [listenPort, upstreamPort] = process.argv.slice(2).map(Number);
if (listenPort === undefined || upstreamPort === undefined) throw new Error('two ports are needed');

createServer({ noDelay: true }, (client) => {
  const upstream = connect({ host: '127.0.0.1', port: upstreamPort, noDelay: true });
  client.pipe(upstream).pipe(client);
  client.on('error', () => upstream.destroy());
  upstream.on('error', () => client.destroy());
}).listen({ host: '127.0.0.1', port: listenPort, backlog: 4096 }, () => process.stdout.write('ready\n'));
