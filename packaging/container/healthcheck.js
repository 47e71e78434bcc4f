/**
 * For HEALTHCHECK: whether the relay greets. Ends with 0 when it does, with 1 otherwise. The port is MAILBEARER_HEALTH_PORT,
 * 2525 by default, of 127.0.0.1.
 */
import { connect } from 'node:net';

const patienceMs = 4_000;

const socket = connect(Number(process.env.MAILBEARER_HEALTH_PORT ?? 2525), '127.0.0.1');
socket.setTimeout(patienceMs, () => end('it does not greet'));
socket.once('error', (error) => end(error.message));
socket.once('close', () => end('it hangs up'));
socket.once('data', (greeting) => {
  if (!greeting.toString('latin1').startsWith('220 ')) end(`it says ${greeting.toString('latin1').trim()}`);
  socket.end('QUIT\r\n');
  process.exit(0);
});

function end(problem) {
  process.stderr.write(`unhealthy: ${problem}\n`);
  process.exit(1);
}
