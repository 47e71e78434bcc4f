/** Whether something listens where the relay should, and whether it is mailbearer. */
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type ListenerSettings, nearAddress, plainListener } from '../../config/listener.js';
import { describeCause } from '../../core/errors.js';
import { fail, type MachineCheck, pass, skip, type Verdict } from './check.js';

const timeoutMs = 3_000;
const startHint = 'systemctl start mailbearer, or in a terminal: mailbearer serve';

export const daemonCheck: MachineCheck = {
  name: 'relay',
  looksAt: 'Whether something listens at each address of `relay.listen`, and whether it is mailbearer.',
  mendedBy: '`systemctl start mailbearer`; where something else listens, another port.',
  async run({ config }) {
    const listeners = config.relay.listen ?? [plainListener({ host: '127.0.0.1', port: 2525 })];
    if (listeners.length === 0) return [skip('relay.listen is empty: mail is taken nowhere')];
    return Promise.all(listeners.map(examine));
  },
};

function examine(listener: ListenerSettings): Promise<Verdict> {
  const { host, port } = nearAddress(listener);
  const where = `${host}:${port}`;
  return new Promise((resolve) => {
    const address = { host, port, timeout: timeoutMs };
    // Whom to trust is the clients' affair; here it matters who answers.
    const socket =
      listener.tls === 'implicit' ? connectTls({ ...address, rejectUnauthorized: false }) : connect(address);
    const end = (verdict: Verdict) => {
      socket.destroy();
      resolve(verdict);
    };
    socket.once('error', (error) => end(fail(`${where}: ${describeCause(error)}`, startHint)));
    socket.once('timeout', () => end(fail(`${where} says nothing for ${timeoutMs / 1000} s`, startHint)));
    socket.once('end', () => end(fail(`${where} hangs up without a word`, startHint)));
    socket.once('data', (chunk) => {
      const [greeting = ''] = chunk.toString('latin1').split('\r\n');
      if (/^220 .* ESMTP mailbearer$/.test(greeting)) end(pass(`listens on ${where}`));
      else if (listener.clients !== undefined && greeting.startsWith('554 5.7.1 '))
        end(pass(`listens on ${where}, for other machines than this`));
      else if (/^421 .*mailbearer|^421 4\./.test(greeting)) end(fail(`${where} takes no more: ${greeting}`));
      else
        end(
          fail(`something else listens on ${where}: ${greeting}`, `ss -ltnp 'sport = :${port}' shows what`),
        );
    });
  });
}
