/**
 * What one client of the relay may do, as data: the limits and their defaults. A default stands above all that a
 * Postfix with its own defaults does, and above what other programs were seen to do; each says why. Pacing, which
 * keeps an account within what its provider allows, is another thing (providers/provider.ts).
 */

export interface RelayLimits {
  /** At once, from everywhere. */
  readonly connections: number;
  /** At once, from one address. */
  readonly connectionsPerAddress: number;
  /** MAIL commands. */
  readonly messagesPerSession: number;
  /** RCPT commands, refused ones too. */
  readonly recipientsPerMessage: number;
  /** Octets as RFC 1870, 3 counts them; Infinity for no limit but the upstream's. */
  readonly messageOctets: number;
  /** Commands that are unknown, malformed or out of order. */
  readonly errorsPerSession: number;
  /** From the connection to EHLO, in all. */
  readonly greetingSeconds: number;
  /** Silence where a command is due. */
  readonly commandSeconds: number;
  /** Silence in the middle of a message. */
  readonly dataSeconds: number;
  /** From MAIL to the end of the message, in all. */
  readonly transactionSeconds: number;
}

const minutes = 60;
const hours = 60 * minutes;

export const defaultLimits: RelayLimits = {
  // Postfix runs 100 delivery agents at most (default_process_limit), 20 of them for one next hop
  // (default_destination_concurrency_limit). An idle connection costs less than 15 kB: 75 MB for all of these.
  connections: 5000,
  // All clients are on this machine and most share 127.0.0.1, so this only keeps some room for the other
  // addresses ([::1], say) when one program runs wild.
  connectionsPerAddress: 4500,
  // Postfix uses a connection for 300 seconds (smtp_connection_reuse_time_limit), without counting. At 3,000
  // messages a second, more than any sender was seen to submit in one session, that makes 900,000.
  messagesPerSession: 1_000_000,
  // Postfix sends 50 (smtp_destination_recipient_limit); RFC 5321, 4.5.3.1.8 demands 100. Exchange Online lets a
  // mailbox send to so many in a day, and no provider takes as many for one message.
  recipientsPerMessage: 10_000,
  // The upstream knows best.
  messageOctets: Infinity,
  // As many as Postfix's own server bears (smtpd_hard_error_limit). As a client it makes none.
  errorsPerSession: 20,
  // RFC 5321, 4.5.3.2.7: a server waits at least five minutes for the next command.
  greetingSeconds: 5 * minutes,
  commandSeconds: 5 * minutes,
  // Longer than the 3 minutes that RFC 5321, 4.5.3.2.5 gives a client for a block (smtp_data_xfer_timeout too).
  dataSeconds: 5 * minutes,
  // Postfix's watchdog ends a delivery that takes this long (daemon_timeout, 18,000 seconds).
  transactionSeconds: 5 * hours,
};
