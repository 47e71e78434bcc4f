import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A process of its own, with all modules loaded anew, would cost each file a third of a second.
    isolate: false,
    setupFiles: 'test/each-file.ts',
    // Real servers are started by many of the tests, which wait for them; two cores are what the smallest machine has.
    testTimeout: 60_000,
    hookTimeout: 90_000,
    maxWorkers: 3,
    // How long `expect.poll` waits for what has to come: on a busy machine a second is not enough.
    expect: { poll: { timeout: 15_000 } },
  },
});
