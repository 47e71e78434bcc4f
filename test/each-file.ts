/** Read anew for each file of tests: they share a process, and modules that they have loaded. */
import { afterAll } from 'vitest';
import { teardown } from './system/teardown.js';

afterAll(() => teardown.run());
