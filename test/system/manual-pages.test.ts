/** The manual pages as those who read them see them: through mandoc's lint and through groff, which `man` runs. */
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { toolsMissing } from './requirements.js';

const pages = ['mailbearer.1', 'mailbearer.conf.5'].map((name) =>
  fileURLToPath(new URL(`../../man/${name}`, import.meta.url)),
);

describe.skipIf(toolsMissing('groff-base', 'mandoc'))('the manual pages', () => {
  it.each(pages)('have nothing that mandoc complains of: %s', (page) => {
    const { stderr, stdout } = spawnSync('mandoc', ['-T', 'lint', page], { encoding: 'utf8' });
    expect(stdout + stderr).toBe('');
  });

  it.each(pages)('have nothing that groff complains of: %s', (page) => {
    const { stderr } = spawnSync('groff', ['-K', 'utf8', '-T', 'utf8', '-man', '-ww', '-z', page], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
  });

  it('show options, keys, backslashes and hyphens as they are typed', () => {
    const shown = pages.map((page) =>
      // Without the overstriking of bold and italic.
      execFileSync('mandoc', ['-T', 'ascii', page], { encoding: 'utf8' }).replaceAll(/.\x08/g, ''),
    );
    expect(shown[0]).toContain('--overwrite-existing-token');
    expect(shown[0]).toContain('$ mailbearer get-token gmail /etc/tokens/me@gmail.com --client-id');
    expect(shown[0]).toContain('> ~/.zfunc/_mailbearer');
    expect(shown[1]).toContain('"accounts": {');
    expect(shown[1]).toMatch(/^ +refresh_window\n? +Refresh when this much/m);
  });
});
