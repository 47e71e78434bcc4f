import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BrokenAccount } from '../../src/accounts/account.js';
import { buildRoutes, describeConflict, describeMissingDefault } from '../../src/accounts/routing.js';
import { AppError } from '../../src/core/errors.js';

/** Routing looks only at name and senders; a broken account has the least beside them. */
function account(name: string, ...senders: string[]): BrokenAccount {
  const problem = new AppError('token-missing', 'there is no such file');
  return { name, tokenFile: `/etc/tokens/${name}`, senders, problem };
}

const ann = account('ann@a.example', 'ann@a.example', 'sales@a.example');
const domain = account('all', '@a.example');
const bob = account('bob@b.example', 'bob@b.example', 'ann+list@a.example');

describe('a sender', () => {
  const { find } = buildRoutes([domain, ann, bob], 'BOB@b.example');

  it.each([
    ['ann@a.example', ann],
    ['ANN@A.Example', ann],
    ['sales@a.example', ann],
    ['ann+tag@a.example', ann],
    ['Ann+one+two@a.example', ann],
    ['ann+list@a.example', bob],
    ['other@a.example', domain],
    ['other+tag@a.example', domain],
    ['+tag@a.example', domain],
    ['"odd@name"@a.example', domain],
    ['ann@sub.a.example', bob],
    ['someone@c.example', bob],
    ['root', bob],
    ['', bob],
  ])('"%s" goes through the account that claims it most precisely', (sender, expected) => {
    expect(find(sender)).toBe(expected);
  });

  it('that none claims has no account when there is no default', () => {
    const { find } = buildRoutes([ann, bob]);
    for (const sender of ['someone@c.example', 'root', '']) expect(find(sender)).toBeUndefined();
  });

  it('always goes through the only account, which may be a broken one', () => {
    fc.assert(
      fc.property(fc.oneof(fc.emailAddress(), fc.string()), (sender) => {
        expect(buildRoutes([ann]).find(sender)).toBe(ann);
      }),
      { numRuns: 30 },
    );
  });

  it('has no account when there is none', () => {
    expect(buildRoutes([]).find('ann@a.example')).toBeUndefined();
  });
});

it('case never changes where mail goes', () => {
  const { find } = buildRoutes([domain, ann, bob]);
  const senders = fc.constantFrom('ann@a.example', 'x@a.example', 'bob+x@b.example', 'y@c.example');
  fc.assert(
    fc.property(senders, fc.infiniteStream(fc.boolean()), (sender, upper) => {
      const shouted = sender
        .split('')
        .map((letter) => (upper.next().value ? letter.toUpperCase() : letter))
        .join('');
      expect(find(shouted)).toBe(find(sender));
    }),
    { numRuns: 50 },
  );
});

describe('the default account', () => {
  it('may be given by name or by an address of its own', () => {
    expect(buildRoutes([ann, bob], 'sales@a.example').find('')).toBe(ann);
    expect(buildRoutes([domain, ann], 'all').find('')).toBe(domain);
  });

  it('that does not exist is an error that lists those that do', () => {
    const routes = buildRoutes([ann, bob], 'nobody@a.example');
    expect(routes.missingDefault).toBe('nobody@a.example');
    expect(routes.find('')).toBeUndefined();
    const error = describeMissingDefault('nobody@a.example', [ann, bob]);
    expect(error.code).toBe('config-invalid');
    expect(error.message).toContain('nobody@a.example');
    expect(error.hint).toContain('ann@a.example, bob@b.example');
    const close = ann.name.slice(1);
    expect(describeMissingDefault(close, [ann, bob]).message).toContain(`did you mean "${ann.name}"?`);
    expect(describeMissingDefault('nobody@a.example', []).hint).toContain('token_dir');
  });

  it('that exists is no error, nor is its absence', () => {
    expect(buildRoutes([ann], 'ann@a.example').missingDefault).toBeUndefined();
    expect(buildRoutes([ann]).missingDefault).toBeUndefined();
  });
});

describe('a conflict', () => {
  const rival = account('rival', 'SALES@a.example', 'sales@a.example');
  const routes = buildRoutes([ann, rival, bob]);

  it('names the sender once, and the accounts in their order; the first keeps it', () => {
    expect(routes.conflicts).toEqual([{ sender: 'sales@a.example', accounts: [ann, rival] }]);
    expect(routes.find('sales@a.example')).toBe(ann);
    expect(buildRoutes([rival, ann]).find('sales@a.example')).toBe(rival);
  });

  it('is described with both token files and what to do', () => {
    const error = describeConflict(routes.conflicts[0]!);
    expect(error.code).toBe('config-invalid');
    expect(error.message).toBe(
      '2 accounts claim the sender sales@a.example:' +
        ' ann@a.example (/etc/tokens/ann@a.example), rival (/etc/tokens/rival)',
    );
    expect(error.hint).toContain('token_dir');
  });

  it('is not found where senders differ', () => {
    expect(buildRoutes([ann, bob, domain]).conflicts).toEqual([]);
  });
});
