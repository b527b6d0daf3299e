import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    // The same names as `paths` in tsconfig.json: tests and examples run the sources, not `dist`.
    alias: [
      { find: /^xstate-fleet$/, replacement: source('./src/index.ts') },
      { find: /^xstate-fleet\/machines$/, replacement: source('./machines/index.ts') },
      { find: /^xstate-fleet\/sqlite$/, replacement: source('./src/stores/sqlite.ts') },
      { find: /^xstate-fleet\/testing$/, replacement: source('./src/testing.ts') },
      { find: /^xstate-fleet\/visualize$/, replacement: source('./src/visualize.ts') }
    ]
  },
  test: {
    include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
    environment: 'node',
    globalSetup: ['test/page/bundle.ts'],
    reporters: ['default'],
    // Processes, not threads: tests start worker threads, load a native addon and kill what they started.
    pool: 'forks',
    maxWorkers: 2,
    // Far above what a test takes, so that a busy machine fails nothing; a test that hangs still ends.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 5_000,
    dangerouslyIgnoreUnhandledErrors: false,
    unstubEnvs: true,
    unstubGlobals: true,
    restoreMocks: true
  }
});
