/** The keys of `relay.limits`: what one client may do. */
import { formatDuration } from '../core/duration.js';
import { defaultLimits } from './limits.js';
import { count, read, scalar } from './schema-values.js';
import { durationExpected, parseTimeout } from './values.js';

const timeout = (seconds: number) =>
  read(scalar(durationExpected), parseTimeout).prefault(formatDuration(seconds));

export const limitsShape = {
  connections: count.default(defaultLimits.connections).describe('Connections at once.'),
  connections_per_address: count
    .default(defaultLimits.connectionsPerAddress)
    .describe('Connections at once from one address.'),
  messages_per_session: count
    .default(defaultLimits.messagesPerSession)
    .describe('Messages, or attempts at one, on one connection.'),
  recipients_per_message: count
    .default(defaultLimits.recipientsPerMessage)
    .describe('Recipients of one message, refused ones too.'),
  message_size: count
    .optional()
    .describe("Octets of one message. By default the upstream server's own limit alone counts."),
  errors_per_session: count
    .default(defaultLimits.errorsPerSession)
    .describe('Commands on one connection that are unknown, malformed or out of order.'),
  greeting_timeout: timeout(defaultLimits.greetingSeconds).describe('From the connection to EHLO.'),
  command_timeout: timeout(defaultLimits.commandSeconds).describe('Silence where a command is due.'),
  data_timeout: timeout(defaultLimits.dataSeconds).describe('Silence in the middle of a message.'),
  transaction_timeout: timeout(defaultLimits.transactionSeconds).describe(
    'From MAIL to the end of the message, however busy the client is.',
  ),
};
