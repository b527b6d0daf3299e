import { fileURLToPath } from 'node:url';
import { defineConfig, type TestUserConfig } from 'vitest/config';
import { LongestFirst } from './test/longestFirst.ts';
import NotRun from './test/notRun.ts';

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const resolve = {
  // The same names as `paths` in tsconfig.json: tests and examples run the sources, not `dist`.
  alias: [
    { find: /^xstate-fleet$/, replacement: source('./src/index.ts') },
    { find: /^xstate-fleet\/bullmq$/, replacement: source('./src/executors/bullmq.ts') },
    { find: /^xstate-fleet\/host$/, replacement: source('./src/host.ts') },
    { find: /^xstate-fleet\/machines$/, replacement: source('./machines/index.ts') },
    { find: /^xstate-fleet\/sqlite$/, replacement: source('./src/stores/sqlite.ts') },
    { find: /^xstate-fleet\/telemetry$/, replacement: source('./src/telemetry.ts') },
    { find: /^xstate-fleet\/testing$/, replacement: source('./src/testing.ts') },
    { find: /^xstate-fleet\/visualize$/, replacement: source('./src/visualize.ts') }
  ]
};

const all = ['test/**/*.test.ts', 'examples/**/*.test.ts'];

/** They start threads and processes, count what a process has left, or take its output and its listeners. */
const alone = [
  'test/{cli,client,dashboard,executors,host,package,page,recording,reliability,stores,telemetry,testing}/**/*.test.ts',
  'test/{docs,notRun}.test.ts',
  'test/fleetManager/{handlers,stopping}.test.ts',
  'test/workers/workerAgent.test.ts',
  'examples/**/*.test.ts'
];

const common: TestUserConfig = {
  environment: 'node',
  setupFiles: ['test/setup.ts'],
  // Processes, not threads: tests start worker threads, load a native addon and kill what they started.
  pool: 'forks',
  maxWorkers: 2,
  // Far above what a test takes, so that a busy machine fails nothing; a test that hangs still ends.
  testTimeout: 120_000,
  hookTimeout: 120_000,
  teardownTimeout: 5_000,
  unstubEnvs: true,
  unstubGlobals: true,
  restoreMocks: true
};

export default defineConfig({
  test: {
    globalSetup: ['test/page/bundle.ts'],
    reporters: ['default', new NotRun()],
    maxWorkers: 2,
    dangerouslyIgnoreUnhandledErrors: false,
    sequence: { sequencer: LongestFirst },
    projects: [
      // Each file has a process of its own.
      { resolve, test: { ...common, name: 'alone', include: alone } },
      // Files share two processes: each would take longer to load the library than to test it.
      { resolve, test: { ...common, name: 'together', include: all, exclude: alone, isolate: false } }
    ]
  }
});
