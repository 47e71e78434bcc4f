import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/secret.js';
import { fieldsText, jsonLine } from '../../src/daemon/json-line.js';

describe('a line of the log', () => {
  it('holds level, time, fields and message in this order, and nothing that is undefined', () => {
    const fields = { session: '7f3a', cause: undefined, ms: 12, reply: '250 2.0.0 "ok"' };
    expect(jsonLine('info', 0, fieldsText(fields), 'message sent')).toBe(
      '{"level":"info","time":"1970-01-01T00:00:00.000Z","session":"7f3a","ms":12,"reply":"250 2.0.0 \\"ok\\"","msg":"message sent"}\n',
    );
  });

  it('is one line of JSON that says what the fields say, whatever they hold', () => {
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.boolean(), fc.constant(null));
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('a', 'b', 'c'), value),
        fc.string({ unit: 'binary' }),
        (fields, text) => {
          const line = jsonLine('warn', 1, fieldsText(fields), text);
          expect(line.indexOf('\n')).toBe(line.length - 1);
          expect(JSON.parse(line)).toEqual({
            level: 'warn',
            time: '1970-01-01T00:00:00.001Z',
            ...fields,
            msg: text,
          });
        },
      ),
    );
  });

  it('has the level of its own entry, though others of that millisecond have another', () => {
    const levels = ['info', 'warn', 'info'];
    const lines = levels.map((level) => JSON.parse(jsonLine(level, 2, '', '')) as { level: string });
    expect(lines.map(({ level }) => level)).toEqual(levels);
  });

  it('has null for what JSON has no word for, and shows no secret', () => {
    const fields = { nan: NaN, method: () => 1, token: new Secret('ya29') };
    const { nan, method, token } = JSON.parse(jsonLine('info', 0, fieldsText(fields), '')) as Record<
      string,
      unknown
    >;
    expect([nan, method, token]).toEqual([null, null, '[redacted]']);
  });
});
