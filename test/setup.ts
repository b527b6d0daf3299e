// Before each file of tests, in its process.
import { afterAll } from 'vitest';
import { removePaths } from './stores/directory.ts';

afterAll(removePaths);
