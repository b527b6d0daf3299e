#!/usr/bin/env node
import { createRequire } from 'node:module';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { WorkerGroup } from '../machines/fleetConfig.ts';
import type { DoctorOptions } from './cli/doctor.ts';
import type { MetricsAddress } from './cli/openMetrics.ts';
import type { HostCommandOptions, HostStatusOptions } from './cli/host.ts';
import type { ReplayOptions } from './cli/replay.ts';
import type { ResultsOptions } from './cli/results.ts';
import type { StatusOptions } from './cli/status.ts';
import type { SubmitOptions } from './cli/submit.ts';
import type { RunOptions } from './cli/run.ts';
import type { StoreOptions } from './cli/openedStore.ts';
import type { VisualizeOptions } from './cli/visualize.ts';
import type { WorkerOptions } from './cli/worker.ts';
import { guardOutput, printableLines } from './cli/terminal.ts';

// Commands are imported when they are called, so that `--help` is there at once.

/** What a command resolves with: 0 all is well, 1 not all completed, 130 interrupted. */
type ExitCode = number;

const { version } = createRequire(import.meta.url)('xstate-fleet/package.json') as { version: string };

const program = new Command('xstate-fleet')
  .description('Run a file of tasks with a fleet of workers; interrupted, run it again and it goes on.')
  .version(version)
  .configureOutput({ outputError: (text, write) => write(printableLines(text)) })
  .exitOverride()
  .showHelpAfterError('(--help says more)');

program
  .command('run')
  .summary('run every task of a JSON Lines file, or go on where an earlier run stopped')
  .description(
    'Run every task of a JSON Lines file. The same command again resumes: nothing that was done is done twice.\n\n' +
      'A line is one task: {"data": …} with, if wanted, "id" (default: the line number), "type" (default: the ' +
      'only handler), "priority", "tags", "dependsOn" (earlier lines), "idempotencyKey", "timeoutMs", "maxRetries", ' +
      '"startAfter", "delayMs", "metadata".'
  )
  .argument('<tasks.jsonl|->', 'the tasks; - reads them from standard input')
  .option('--handlers <module>', 'TypeScript or JavaScript module that exports a function per task type')
  .option(
    '--redis <url>',
    'instead of --handlers: workers elsewhere have them, started by xstate-fleet worker with the same --redis, ' +
      '--fleet and --prefix'
  )
  .option('--prefix <name>', 'what keys in Redis begin with (default: xstate-fleet)')
  .option('--type <type>', 'with --redis: type of the tasks that name none')
  .option(
    '--store <file|url>',
    'where progress is kept: a file, or postgres://… (default: .fleet/<name of the input>.db)'
  )
  .addOption(fleetOption())
  .option('--workers <n>', 'workers (default: 10)', integer(1, 100_000))
  .option('--group <tags=n>', 'so many of the workers offer tags: gpu,eu=2; may be repeated', workerGroup, [])
  .option('--concurrency <n>', 'tasks at once per worker (default: 1)', integer(1, 100_000))
  .option('--retries <n>', 'tries after a failed one (default: 3)', integer(0, 1_000_000))
  .option('--timeout <ms>', 'limit for one try (default: 300000)', integer(1, Number.MAX_SAFE_INTEGER))
  .addOption(
    new Option(
      '--isolate <how>',
      'run the handlers of each worker in a thread or process of its own, which can be ended'
    ).choices(['threads', 'processes'])
  )
  .addOption(
    new Option('--durability <level>', 'what finished work survives: power loss, kill -9, or neither')
      .choices(['full', 'process', 'none'])
      .default('full')
  )
  .option('--standby', 'while another process owns the store, wait, and take over when it is gone')
  .option('--batch <id>', 'name of the batch (default: name and hash of the input)')
  .option('--out <file>', 'write the results there, one JSON object a line')
  .option(
    '--ui [port]',
    'show the run on a live page (default port: 4400); on a terminal it stays until Ctrl-C. Its token is ' +
      'XSTATE_FLEET_TOKEN, or a fresh one that the terminal shows',
    integer(0, 65_535)
  )
  .option(
    '--metrics [[host:]port]',
    'serve /metrics, /healthz and /readyz (default: port 9464 of this machine alone); needs the package prom-client',
    metricsAddress
  )
  .option('--record <file>', 'record what happens there, for replay; a recording of this fleet goes on')
  .addHelpText(
    'after',
    '\nExit codes: 0 all tasks completed, 1 some did not, 2 wrong usage or input, 130 interrupted.'
  )
  .action(async (input: string, options: RunOptions) =>
    exit(await (await import('./cli/run.ts')).run(input, options))
  );

program
  .command('submit')
  .summary('submit a JSON Lines file of tasks to the fleet that another process runs')
  .description(
    'Submit a JSON Lines file of tasks to the fleet that another process runs; without one, wait for it. The same ' +
      'command again goes on where it was interrupted. A line is as for run; its type must have a handler there.'
  )
  .argument('<tasks.jsonl|->', 'the tasks; - reads them from standard input')
  .addOption(storeOption())
  .addOption(fleetOption())
  .option('--type <type>', 'type of the tasks that name none')
  .option('--batch <id>', 'name of the batch (default: name and hash of the input)')
  .option('--wait', 'until all of them have settled')
  .addHelpText(
    'after',
    '\nExit codes: 0 submitted, or all completed, 1 some did not, 2 wrong usage or input, 130 interrupted.'
  )
  .action(async (input: string, options: SubmitOptions) =>
    exit(await (await import('./cli/submit.ts')).submit(input, options))
  );

program
  .command('worker')
  .summary('serve a fleet that is somewhere else, over Redis')
  .description(
    'Run tasks of a fleet that is somewhere else: its executor is a bullmqExecutor of the same Redis, fleet and prefix. ' +
      'Interrupted, it takes nothing more and ends what it runs; interrupted again, it ends at once. Needs bullmq and ' +
      'ioredis installed.'
  )
  .requiredOption(
    '--handlers <module>',
    'TypeScript or JavaScript module that exports a function per task type'
  )
  .addOption(
    new Option('--redis <url>', 'where the fleet dispatches to, such as redis://127.0.0.1:6379')
      .env('REDIS_URL')
      .makeOptionMandatory()
  )
  .option('--fleet <name>', 'name of the fleet in Redis', 'cli')
  .option('--prefix <name>', 'what keys in Redis begin with (default: xstate-fleet)')
  .option('--concurrency <n>', 'tasks at once (default: 1)', integer(1, 10_000))
  .option('--tags <tags>', 'what it offers: gpu,fast', (text: string) => text.split(','))
  .addHelpText(
    'after',
    '\nExit codes: 0 drained, 2 wrong usage or no Redis, 130 ended before it was drained.'
  )
  .action(async (options: WorkerOptions) => exit(await (await import('./cli/worker.ts')).worker(options)));

program
  .command('host')
  .summary('run a share of many fleets, beside other hosts with the same config')
  .description(
    'Run a share of the fleets of a config, beside the same command on other machines: each fleet on one of them, each ' +
      'of them as many. What one leaves that dies is taken over. Interrupted, it hands over what it runs; interrupted ' +
      'again, it aborts that.'
  )
  .argument('<config>', 'module whose default export is { store, fleets }, or a JSON file: see docs/host.md')
  .option(
    '--drain <ms>',
    'how long running tasks may take when a fleet is handed over (default: 30000)',
    integer(0, Number.MAX_SAFE_INTEGER)
  )
  .option(
    '--metrics [[host:]port]',
    'serve /metrics, /healthz and /readyz (default: port 9464 of this machine alone); needs the package prom-client',
    metricsAddress
  )
  .addHelpText(
    'after',
    '\nExit codes: 0 all was handed over, 2 wrong usage or no store, 130 ended before that.'
  )
  .action(async (config: string, options: HostCommandOptions) =>
    exit(await (await import('./cli/host.ts')).host(config, options))
  )
  .command('status')
  .summary('show which process owns which fleet of a store')
  .description('Show which process owns which fleet of a store, and which hosts live.')
  .requiredOption('--store <file|url>', 'the store')
  .option('--json', 'one JSON object a line instead of tables')
  .action(async (options: HostStatusOptions) =>
    exit(await (await import('./cli/host.ts')).hostStatus(options))
  );

program
  .command('status')
  .summary('show who owns a fleet, and batches and how far they are, also while they run')
  .description(
    'Show who owns a fleet, and its batches and how far they are, also while another process runs them. With --workers, ' +
      'show its workers instead, those in other processes too, as the owner sees them.'
  )
  .addOption(storeOption())
  .addOption(fleetOption())
  .addOption(new Option('--batch <id>', 'only this batch').conflicts('workers'))
  .option('--workers', 'the workers instead: what each does, takes and offers')
  .option('--json', 'one JSON object a line instead of a table')
  .action(async (options: StatusOptions) => exit(await (await import('./cli/status.ts')).status(options)));

program
  .command('results')
  .summary('print results, one JSON object a line, in the order of settling')
  .description('Print results, one JSON object a line, in the order of settling.')
  .addOption(storeOption())
  .addOption(fleetOption())
  .option('--batch <id>', 'only of this batch')
  .option('--failed', 'only of tasks that did not complete')
  .option('--limit <n>', 'at most so many', integer(1, Number.MAX_SAFE_INTEGER))
  .action(async (options: ResultsOptions) => exit(await (await import('./cli/results.ts')).results(options)));

program
  .command('cancel')
  .summary('cancel a batch or a task')
  .description(
    'Cancel a batch or a task: at once while a run owns the store, else when the next one opens it.'
  )
  .argument('<batch|task>', 'id of a batch, or key of a task: <batch>/<task id>')
  .addOption(storeOption())
  .addOption(fleetOption())
  .action(async (name: string, options: StoreOptions) =>
    exit(await (await import('./cli/cancel.ts')).cancel(name, options))
  );

program
  .command('retry')
  .summary('run again what did not complete, as a new batch or task')
  .description(
    'Run again what did not complete, as a new batch or task: at once while a run owns the store, else in the ' +
      'next one.'
  )
  .argument('<batch|task>', 'id of a settled batch, or key of a task: <batch>/<task id>')
  .addOption(storeOption())
  .addOption(fleetOption())
  .action(async (name: string, options: StoreOptions) =>
    exit(await (await import('./cli/retry.ts')).retry(name, options))
  );

program
  .command('replay')
  .summary('show a recorded run: figures, a page to step through it, the life of one task')
  .description(
    'Show a run that was recorded (run --record, or the option record of a fleet): figures, and a page that steps ' +
      'through it turn by turn, in one file that needs nothing else.'
  )
  .argument('<run.fleetlog>', 'the recording')
  .option('--out <file.html>', 'write the page there (default: a temporary file)')
  .option('--no-open', 'do not open the page in the browser')
  .option('--max-steps <n>', 'steps in the page, the first ones (default: 100000)', integer(1, 10_000_000))
  .option(
    '--task <key>',
    'print the life of this task instead: <batch>/<task id>, or the id where it is the only one'
  )
  .option('--check', 'step the machines through it again instead, and compare where they come to')
  .option('--json', 'figures, life or check as JSON; no page unless --out is given')
  .addHelpText(
    'after',
    '\nExit codes: 0 all is well, 1 the check found a difference, 2 wrong usage or no recording.'
  )
  .action(async (path: string, options: ReplayOptions) =>
    exit(await (await import('./cli/replay.ts')).replay(path, options))
  );

program
  .command('doctor')
  .summary('check a store: its file, its log, every row')
  .description(
    'Check a store without changing it, also while a run owns it: the file, its log, every row, what belongs ' +
      'together. Says what is wrong and what to do.'
  )
  .addOption(storeOption())
  .option('--json', 'the report as a JSON object')
  .addHelpText('after', '\nExit codes: 0 sound, 1 damaged or of another version, 2 nothing there to check.')
  .action(async (options: DoctorOptions) => exit(await (await import('./cli/doctor.ts')).doctor(options)));

program
  .command('visualize')
  .summary('draw the statecharts that a module exports')
  .description(
    'Draw every XState machine that a module exports: a picture that is readable in light and dark, a Mermaid ' +
      'diagram, or a module to import into Stately Studio with its config as JSON beside it.'
  )
  .argument('<module>', 'TypeScript or JavaScript module that exports machines')
  .option('--export <name>', 'only the machine that is exported under this name')
  .addOption(
    new Option('--format <format>', 'what is written').choices(['svg', 'mermaid', 'stately']).default('svg')
  )
  .option('--out <dir>', 'folder that it is written to, made if it is not there', '.')
  .action(async (path: string, options: VisualizeOptions) =>
    exit(await (await import('./cli/visualize.ts')).visualize(path, options))
  );

guardOutput();
try {
  await program.parseAsync();
} catch (error) {
  // What commander throws it has printed already.
  if (error instanceof CommanderError) await exit(error.exitCode === 0 ? 0 : 2);
  await exit((await import('./cli/failure.ts')).report(error));
}

function storeOption(): Option {
  return new Option(
    '--store <file|url>',
    'the store: a file, or postgres://… (default: the only one in .fleet/)'
  );
}

function fleetOption(): Option {
  return new Option('--fleet <name>', 'name of the fleet within the store').default('cli');
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be an integer from ${min} to ${max}.`);
  };
}

function metricsAddress(text: string): MetricsAddress {
  const [, host = '127.0.0.1', port] = /^(?:(.+):)?(\d+)$/.exec(text) ?? [];
  if (port === undefined) {
    throw new InvalidArgumentError('It must be a port, or a host and a port such as 0.0.0.0:9464.');
  }
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: integer(0, 65_535)(port) };
}

function workerGroup(text: string, others: readonly WorkerGroup[]): readonly WorkerGroup[] {
  const [, names, count] = /^(.+)=(\d+)$/.exec(text) ?? [];
  if (names === undefined) {
    throw new InvalidArgumentError('It must be tags and a number of workers, such as gpu,eu=2.');
  }
  return [...others, { tags: names.split(','), workers: integer(1, 100_000)(count!) }];
}

/** Ends the process when all that was printed is out, whatever a handler left running. */
async function exit(code: ExitCode): Promise<never> {
  for (const stream of [process.stdout, process.stderr]) {
    await new Promise<void>((resolve) => {
      if (stream.destroyed) resolve();
      else stream.write('', () => resolve());
    });
  }
  process.exit(code);
}
