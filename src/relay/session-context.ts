/** What a client's session is given: the parts that all sessions share, and what holds at its port. */
import type { RelaySettings } from '../config/config.js';
import type { ListenerSettings } from '../config/listener.js';
import type { Clock } from '../core/clock.js';
import type { LogFields, Logger } from '../core/logger.js';
import type { AccountDirectory } from '../refresh/token-source.js';
import type { Authenticator } from '../submission/authenticator.js';
import type { ConnectionTls } from './client-tls.js';
import type { Deadlines } from './deadlines.js';
import type { RelayFigures } from './figures.js';
import type { FloodLog } from '../core/flood-log.js';
import type { Offers } from './offer.js';
import type { UpstreamPool } from './pool.js';
import type { ServerCertificate } from './server-certificate.js';

export interface SessionContext {
  readonly directory: AccountDirectory;
  readonly pool: UpstreamPool;
  readonly deadlines: Deadlines;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: RelaySettings;
  /** Our name in the greeting. */
  readonly hostname: string;
  readonly traceDialogue: boolean;
  readonly figures: RelayFigures;
  readonly floodLog: FloodLog;
  readonly offers: Offers;
  readonly port: Port;
}

/** What holds for all sessions of one listening port. */
export interface Port {
  readonly settings: ListenerSettings;
  readonly certificate: ServerCertificate | undefined;
  /** Undefined where AUTH is not offered. */
  readonly authenticator: Authenticator | undefined;
}

/** @param fields of the log, when a handshake fails */
export function tlsFor(
  { clock, floodLog, port }: SessionContext,
  fields: LogFields,
): ConnectionTls | undefined {
  const { certificate, settings } = port;
  if (certificate === undefined || settings.tls === 'none') return undefined;
  const failed = (cause: string) =>
    floodLog.log('warn', { ...fields, cause }, 'TLS with a client failed: disconnected');
  return { mode: settings.tls, certificate, clock, failed };
}
