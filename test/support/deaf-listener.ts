/** A port that is listened on, but whose connections never come about: the handshake of TCP is not answered. */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';

export interface DeafListener {
  readonly port: number;
  close(): Promise<void>;
}

const listening = `require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () {
  console.log(this.address().port);
})`;

/** A process that was stopped, and whose queue of connections is full. */
export async function deafListener(): Promise<DeafListener> {
  const child = spawn(process.execPath, ['-e', listening], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = new Promise((resolve) => child.once('close', resolve));
  const port = await new Promise<number>((resolve) =>
    child.stdout.once('data', (line: Buffer) => resolve(Number(line.toString()))),
  );
  child.kill('SIGSTOP');
  const fillers = Array.from({ length: 4 }, () =>
    connect({ port, host: '127.0.0.1' }).on('error', () => undefined),
  );
  // Two have a place in the queue. The others have asked by then, and were not heard.
  await Promise.all(
    fillers.slice(0, 2).map((socket) => new Promise((resolve) => socket.once('connect', resolve))),
  );
  return {
    port,
    close: async () => {
      for (const socket of fillers) socket.destroy();
      child.kill('SIGKILL');
      await closed;
    },
  };
}
