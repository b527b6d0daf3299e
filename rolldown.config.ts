import type { RolldownOptions } from 'rolldown';
import manifest from './package.json' with { type: 'json' };

// What `dist/*.js` is made of. A module costs Node 0.45 ms to find, read and compile, whatever is in it, and the library
// has hundreds: see docs/decisions/0043. All files lie in one folder, so that what is found beside its own file, such as
// `new URL('./driver.js', import.meta.url)`, is found wherever the code of its source went.

const dependencies = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });

/** Of both: dependencies stay imports, what is imported lazily stays a file of its own, names stay as written. */
const common = {
  platform: 'node',
  logLevel: 'warn',
  tsconfig: 'tsconfig.json',
  transform: { target: 'node20.19' },
  external: [/^node:/, ...dependencies.map((name) => new RegExp(`^${name}(/|$)`))]
} satisfies RolldownOptions;

const output = {
  dir: 'dist',
  chunkFileNames: '[name]-[hash].js',
  sourcemap: true,
  // The sources are in the package.
  sourcemapExcludeSources: true
} satisfies RolldownOptions['output'];

/** The public modules, the command, and where isolates begin. They share files, hence classes and what a module keeps. */
const library = {
  ...common,
  input: {
    index: 'src/index.ts',
    bullmq: 'src/executors/bullmq.ts',
    cli: 'src/cli.ts',
    host: 'src/host.ts',
    isolatedMain: 'src/executors/isolatedMain.ts',
    machines: 'machines/index.ts',
    postgres: 'src/stores/postgres.ts',
    sqlite: 'src/stores/sqlite.ts',
    telemetry: 'src/telemetry.ts',
    testing: 'src/testing.ts',
    visualize: 'src/visualize.ts'
  },
  output: {
    ...output,
    // Without them each set of entries that shares something has a file for it, and `index.js` loads 41.
    codeSplitting: {
      groups: [
        { name: 'vocabulary', test: /\/machines\/(?!\w+Machine\.ts|fleetConfig\.ts|index\.ts)/, priority: 3 },
        { name: 'charts', test: /\/machines\/(\w+Machine|fleetConfig)\.ts/, priority: 2 },
        { name: 'basics', test: /\/src\/(errors\.ts|clock\.ts|validation\/(?!machine|ports))/, priority: 1 }
      ]
    }
  }
} satisfies RolldownOptions;

/** The thread of a SQLite store: nothing crosses to it but messages, so it need not start from 14 shared files. */
const storeThread = {
  ...common,
  input: { driver: 'src/stores/sqlite/driver.ts' },
  output
} satisfies RolldownOptions;

export default [library, storeThread];
