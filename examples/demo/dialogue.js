// @ts-check
/**
 * The SMTP dialogue of a message as `serve --log-level trace --log-format json` tells it: both sides of the relay
 * in the order in which things happened, tokens redacted already. Bodies are not in the log.
 */

/**
 * @typedef {object} LogLine
 * @property {string} level
 * @property {string} msg
 * @property {string} [session] Set in what concerns a client's connection.
 * @property {string} [upstream] Set in what concerns the connection to a submission server.
 * @property {number} [port] Where it listens.
 * @property {string} [reply]
 * @property {number} [bytes]
 * @property {number} [ms]
 */

/**
 * One thing said; `client` is the side of whoever submits.
 *
 * @typedef {{ side: 'client' | 'upstream', speaker: 'C' | 'S', text: string }} Utterance
 */

/**
 * The whole lines of a JSON log.
 *
 * @param {string} log
 * @returns {LogLine[]}
 */
export function readLog(log) {
  const lines = log.split('\n').slice(0, -1);
  // A warning of Node itself, such as one about an option, is no JSON.
  return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
}

/**
 * @param {LogLine[]} log
 * @returns {Utterance[]}
 */
export function readDialogue(log) {
  /** @type {Utterance[]} */
  const dialogue = [];
  for (const { level, msg, upstream } of log) {
    const [, speaker, text] = /^([CS]): (.*)/.exec(msg) ?? [];
    if (level !== 'trace' || text === undefined) continue;
    const side = upstream === undefined ? 'client' : 'upstream';
    const before = dialogue.at(-1);
    // The log has each line of a reply to the client, but the upstream's replies in one.
    const continues = side === 'client' && before?.side === side && /^\d{3}-/.test(before.text);
    if (continues) before.text = `${text.slice(0, 4)}${before.text.slice(4)} ${text.slice(4)}`;
    else dialogue.push({ side, speaker: speaker === 'C' ? 'C' : 'S', text });
    dialogue.push(...unlogged(side, text));
  }
  return dialogue;
}

/**
 * What follows a reply without being in the log.
 *
 * @param {Utterance['side']} side
 * @param {string} reply
 * @returns {Utterance[]}
 */
function unlogged(side, reply) {
  if (/^220 .*TLS/.test(reply)) return [{ side, speaker: 'C', text: '[TLS handshake]' }];
  if (!reply.startsWith('354') || side === 'upstream') return [];
  // The client's reply came from the upstream: now both wait for the message, and it passes through.
  return [
    { side: 'client', speaker: 'C', text: '[the message, a lone dot]' },
    { side: 'upstream', speaker: 'C', text: '[the message, a lone dot]' },
  ];
}
