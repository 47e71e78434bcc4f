/** `dashboard`: prints a URL that lets one browser into the status page of the `serve` that runs, once. */
import { AppError, exitStatus } from '../../core/errors.js';
import { openContext } from '../context.js';
import { nameOf, requestTicket } from '../running-daemon.js';
import type { Ui } from '../ui.js';

export interface DashboardOptions {
  readonly configFile?: string;
}

/** Resolves to 0; throws AppError where no browser can come, or no `serve` answers. */
export async function runDashboard(options: DashboardOptions, ui: Ui): Promise<number> {
  const { config } = await openContext(options.configFile);
  if (config.status?.listen.kind === 'unix')
    throw new AppError('config-invalid', 'the status page is on a socket, to which no browser connects', {
      hint: 'set status.listen to "127.0.0.1:8025", or ask the socket for /status.json with the key',
    });
  const ticket = await requestTicket(config);
  const where = config.status === undefined ? '' : nameOf(config.status.listen);
  const port = where.slice(where.lastIndexOf(':') + 1);
  await ui.data(`http://${where}/enter?ticket=${ticket}`);
  ui.say('It works once, within five minutes. From another machine, first run there:');
  ui.say(`  ssh -L ${port}:${where} SERVER`);
  return exitStatus.ok;
}
