import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, parse, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { compiledFolder } from '../reliability/compiled.ts';
import * as machines from '../machines/index.ts';
import type * as remote from '../src/executors/bullmq.ts';
import type { HostConfig, HostOptions } from '../src/host.ts';
import * as library from '../src/index.ts';
import * as testing from '../src/testing.ts';
import * as visualize from '../src/visualize.ts';
import type { PostgresOptions } from '../src/stores/postgres.ts';
import { anchorsOf, blocksOf, linksOf, readPages, type Block } from './docs/markdown.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const pages = readPages();
const guides = pages.filter(({ path }) => /^(README|docs\/[^/]+|machines\/README)(\.md)?$/.test(path));
const blocks = guides.flatMap(blocksOf);

/** What blocks of a page take for granted, by name. A block that declares a name itself is not given it. */
const preambles: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'README.md': {
    fleet: `declare const fleet: import('xstate-fleet').FleetManager<{
      resize: (data: { url: string; width: number }) => Promise<{ bytes: number }>;
    }>;`,
    image: 'declare const image: { readonly url: string; readonly width: number };',
    images: `declare const images: readonly import('xstate-fleet').Task<'resize', { url: string; width: number }>[];`,
    orderMachine: "declare const orderMachine: import('xstate').AnyStateMachine;"
  },
  'docs/cluster-parts.md': {
    resize: 'declare function resize(data: unknown, signal: AbortSignal): Promise<number>;'
  },
  'docs/host.md': { config: "declare const config: import('xstate-fleet/host').HostConfig;" },
  'docs/routing.md': { handlers: "declare const handlers: import('xstate-fleet').Handlers;" },
  'docs/running.md': {
    fleet: "declare const fleet: import('xstate-fleet').FleetManager;",
    handlers: "declare const handlers: import('xstate-fleet').Handlers;",
    tasks: "declare const tasks: readonly import('xstate-fleet').Task[];"
  },
  'docs/schedules.md': {
    fleet: `declare const fleet: import('xstate-fleet').FleetManager<{
      resize: (data: { url: string; width: number }) => Promise<{ bytes: number }>;
    }>;`
  },
  'docs/stores.md': { handlers: "declare const handlers: import('xstate-fleet').Handlers;" },
  'docs/tasks.md': {
    fleet: `declare const fleet: import('xstate-fleet').FleetManager<{
      resize: (data: { url: string; width: number }) => Promise<{ bytes: number }>;
      report: (data: null) => void;
      import: (data: string) => void;
      charge: (data: { invoice: number }) => Promise<string>;
    }>;`,
    resize:
      'declare function resize(url: string, width: number, signal: AbortSignal): Promise<{ bytes: number }>;'
  }
};

type Names<TOptions> = Readonly<Record<keyof TOptions, true>>;

/** Options by the page that has them in a table. All of them: the compiler asks for those that are missing. */
const optionsOfPages: Readonly<Record<string, Readonly<Record<string, true>>>> = {
  'docs/running.md': {
    name: true,
    handlers: true,
    executor: true,
    store: true,
    standby: true,
    config: true,
    retry: true,
    shouldRetry: true,
    onDetachedError: true,
    coordinator: true,
    onListenerError: true,
    inspect: true,
    inspectRows: true,
    record: true,
    logger: true,
    logRate: true,
    telemetry: true,
    systemId: true,
    clock: true,
    random: true,
    newId: true
  } satisfies Names<library.FleetManagerOptions>,
  'docs/host.md': {
    lookMs: true,
    drainMs: true,
    base: true,
    telemetry: true,
    onFact: true,
    clock: true,
    random: true,
    store: true,
    group: true,
    fleets: true
  } satisfies Names<HostOptions & HostConfig>,
  'docs/postgres.md': {
    schema: true,
    leaseMs: true,
    statementTimeoutMs: true,
    connectTimeoutMs: true
  } satisfies Names<PostgresOptions>,
  'docs/live-page.md': {
    port: true,
    host: true,
    token: true,
    protectReads: true,
    openMetrics: true,
    allowedHosts: true,
    allowedOrigins: true,
    redact: true
  } satisfies Names<library.ServeOptions>,
  'docs/inspection.md': {
    max: true,
    rate: true,
    keys: true,
    batchIds: true,
    types: true,
    ids: true
  } satisfies Names<library.TaskSample & library.RowSample>,
  'docs/remote-workers.md': {
    url: true,
    connection: true,
    fleet: true,
    prefix: true,
    backend: true,
    connectTimeoutMs: true,
    prefetch: true,
    pollMs: true,
    resultTtlMs: true,
    handlers: true,
    concurrency: true,
    tags: true,
    heartbeatMs: true,
    lockDurationMs: true,
    shouldRetry: true,
    onDetachedError: true
  } satisfies Names<remote.BullmqExecutorOptions & remote.RemoteWorkerOptions>,
  'docs/model-based-testing.md': {
    events: true,
    input: true,
    inputs: true,
    from: true,
    actors: true,
    serializeState: true,
    limit: true,
    allowUnreached: true,
    restingStates: true,
    requiredEvents: true
  } satisfies Names<testing.EdgeTestOptions<AnyStateMachine> & testing.InvariantOptions<AnyStateMachine>>
};

const wrongCode = "import { FleetManager } from 'xstate-fleet';\nnew FleetManager({ nmae: 'images' });\n";

describe('the code of the documentation', () => {
  it('is there', () => {
    expect(blocks.length).toBeGreaterThan(20);
  });

  it('is whole but for fragments that are known', () => {
    const fragments = blocks.filter(({ isFragment }) => isFragment);
    expect(fragments.map(({ page, code }) => [page, code.split('\n')[0]])).toEqual([]);
  });

  describe('for the compiler', () => {
    const wrong = { page: 'wrong.md', line: 8, code: wrongCode, isFragment: false };
    let errors: readonly string[] = [];
    beforeAll(() => {
      errors = compilerErrorsOf([...blocks.filter(({ isFragment }) => !isFragment), wrong]);
    }, 120_000);

    it('is right', () => {
      expect(errors.filter((error) => !error.startsWith('wrong.md'))).toEqual([]);
    });

    it('is wrong where it is', () => {
      expect(errors.filter((error) => error.startsWith('wrong.md'))).toEqual([
        expect.stringContaining(
          "wrong.md:9: error TS2353: Object literal may only specify known properties, and 'nmae'"
        )
      ]);
    });
  });
});

describe('the links of the documentation', () => {
  const anchors = new Map(pages.map((page) => [page.path, anchorsOf(page)]));
  const links = pages.flatMap(linksOf);

  it.for(links.map(({ page, target }) => [page, target] as const))('%s leads to %s', ([page, target]) => {
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? page : posix.join(posix.dirname(page), path);
    expect(existsSync(join(root, file))).toBe(true);
    expect(anchor === undefined || anchors.get(file)?.has(anchor)).toBe(true);
  });

  it('lead from the index to every page', () => {
    const listed = new Set(linksOf(page('docs/README.md')).map(({ target }) => posix.join('docs', target)));
    const others = guides.filter(({ path }) => path !== 'docs/README.md').map(({ path }) => path);
    expect(others.filter((path) => !listed.has(path))).toEqual([]);
  });

  it('lead to every decision, in order of their numbers', () => {
    const listed = linksOf(page('docs/decisions/README.md')).map(({ target }) => target);
    const records = pages.filter(({ path }) => /^docs\/decisions\/\d/.test(path));
    expect(listed).toEqual(records.map(({ path }) => posix.basename(path)).sort());
  });
});

describe('the documentation names', () => {
  const everything = guides.map(({ text }) => text).join('\n');

  it('every field of the configuration, in its table', () => {
    const fields = Object.keys(library.defaultFleetConfig);
    const { text } = page('README.md');
    const table = text.slice(text.indexOf('## Configuration'), text.indexOf('## Beside others'));
    expect(fields.filter((field) => !new RegExp(`^\\|[^|]*\`${field}\``, 'm').test(table))).toEqual([]);
  });

  it.each<[path: string, defaults: object]>([
    ['README.md', library.defaultFleetConfig],
    ['docs/routing.md', library.defaultAutoscale]
  ])('every default that is a number, in the table of %s', (path, defaults) => {
    const { text } = page(path);
    const numbers = Object.entries(defaults).filter(([, value]) => typeof value === 'number');
    expect(numbers.length).toBeGreaterThan(0);
    expect(numbers.map(([field]) => [field, defaultIn(text, field)])).toEqual(
      numbers.map(([field, value]: [string, number]) => [field, value.toLocaleString('en')])
    );
  });

  it.each(Object.entries(optionsOfPages))('every option of %s, in a table', (path, options) => {
    const { text } = page(path);
    const isListed = (name: string) => new RegExp(`^\\|[^|]*\`${name}[\`(]`, 'm').test(text);
    expect(Object.keys(options).filter((name) => !isListed(name))).toEqual([]);
  });

  it('every fact that a fleet tells, in its table', () => {
    const { text } = page('docs/running.md');
    expect(library.factTypes.filter((type) => !new RegExp(`^\\|[^|]*\`${type}\``, 'm').test(text))).toEqual(
      []
    );
  });

  it('every error that is thrown, with its code', () => {
    const { text } = page('docs/running.md');
    const classes = Object.values(library as Record<string, unknown>).filter(isErrorClass);
    expect(classes.length).toBeGreaterThan(10);
    expect(classes.filter(({ name }) => !text.includes(`| \`${name}\` | \`ERR_`))).toEqual([]);
  });

  it('every error of xstate-fleet/testing, with its code, on a page about tests', () => {
    const text = `${page('docs/testing.md').text}${page('docs/model-based-testing.md').text}`;
    const classes = Object.values(testing as Record<string, unknown>).filter(isErrorClass);
    expect(classes.length).toBeGreaterThan(5);
    const code = (name: string) =>
      name
        .replace(/Error$/, '')
        .replaceAll(/\B[A-Z]/g, '_$&')
        .toUpperCase();
    const isNamed = (name: string) => text.includes(`\`${name}\``) && text.includes(`\`ERR_${code(name)}\``);
    expect(classes.map(({ name }) => name).filter((name) => !isNamed(name))).toEqual([]);
  });

  it.each([
    ['xstate-fleet/testing', testing, ['docs/testing.md', 'docs/model-based-testing.md']],
    ['xstate-fleet/visualize', visualize, ['docs/visualize.md']]
  ])('everything that %s exports, on its own pages', (_, exported, paths) => {
    const text = paths.map((path) => page(path).text).join('\n');
    expect(Object.keys(exported).filter((name) => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([]);
  });

  it('every entry point of the package', () => {
    const { name, exports } = packageJson();
    const entries = Object.keys(exports)
      .filter((entry) => !entry.endsWith('.json'))
      .map((entry) => posix.join(name, entry));
    expect(entries.length).toBeGreaterThan(3);
    expect(entries.filter((entry) => !everything.includes(`'${entry}'`))).toEqual([]);
  });

  it('every command and option of the command line, each option in a table or beside its command', () => {
    const { text } = page('docs/command-line.md');
    const commands = commandsOf(helpOf());
    expect(commands.length).toBeGreaterThan(5);
    const missing = commands.flatMap((command) => {
      const pages = text + (page(`docs/${pageOf[command] ?? 'command-line'}.md`).text ?? '');
      const options = optionsOf(helpOf(command)).filter((option) => !pages.includes(`\`${option}`));
      return [...(text.includes(`xstate-fleet ${command}`) ? [] : [command]), ...options];
    });
    expect(missing).toEqual([]);
  });

  it.each([
    ['FleetManager', library.FleetManager],
    ['CoordinatorAgent', library.CoordinatorAgent],
    ['WorkerAgent', library.WorkerAgent],
    ['TaskQueue', library.TaskQueue],
    ['WorkerPool', library.WorkerPool],
    ['WorkerRegistry', library.WorkerRegistry]
  ])('every member of %s', (_, { prototype }) => {
    const members = Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor');
    expect(members.filter((name) => !new RegExp(`\\b${name}\\b`).test(everything))).toEqual([]);
  });

  it.each([
    machines.fleetMachine,
    machines.workerMachine,
    machines.coordinatorMachine,
    machines.autoscalerMachine,
    machines.hostedFleetMachine,
    machines.hostMachine
  ])('every event of $id, in the table of the machines', ({ events }) => {
    const { text } = page('machines/README.md');
    const section = text.slice(text.indexOf('## Who sends what'), text.indexOf('## The ports'));
    const named = new Set(section.match(/`[\w.]+`/g));
    const types = (events as readonly string[]).filter((type) => !/^xstate\.|\*/.test(type));
    expect(types.length).toBeGreaterThan(0);
    expect(types.filter((type) => !named.has(`\`${type}\``))).toEqual([]);
  });

  it('every function and class that the library exports beside the machines', () => {
    const names = Object.entries(library)
      .filter(([name, value]) => typeof value === 'function' && !(name in machines))
      .map(([name]) => name);
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(everything))).toEqual([]);
  });
});

/** Commands that have their options on a page of their own. */
const pageOf: Readonly<Record<string, string>> = { replay: 'recording', visualize: 'visualize' };

/** What `--help` prints, of a command or of all. */
function helpOf(command = ''): string {
  const args = [join(compiledFolder(), 'src/cli.js'), ...command.split(' ').filter(Boolean), '--help'];
  return spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' }).stdout;
}

function commandsOf(help: string): string[] {
  const section = help.slice(help.indexOf('Commands:'));
  const names = Array.from(section.matchAll(/^ {2}([a-z]+)/gm), ([, name]) => name!);
  return names.filter((name) => name !== 'help');
}

function optionsOf(help: string): string[] {
  const names = Array.from(help.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm), ([, name]) => name!);
  return names.filter((name) => name !== '--help');
}

function packageJson() {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly name: string;
    readonly exports: Readonly<Record<string, unknown>>;
  };
}

/** The number that the second cell of a row gives for a field of its first one, which may name several. */
function defaultIn(text: string, field: string): string | undefined {
  const row = new RegExp(`^\\|([^|]*\`${field}\`[^|]*)\\|([^|]*)\\|`, 'm').exec(text);
  const names = Array.from((row?.[1] ?? '').matchAll(/`(\w+)`/g), ([, name]) => name);
  const values = Array.from((row?.[2] ?? '').matchAll(/\d[\d,]*/g), ([value]) => value.replace(/,$/, ''));
  return values[names.indexOf(field)];
}

/** What the compiler has against blocks, each a module of its own, by page and line. */
function compilerErrorsOf(modules: readonly Block[]): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'docs-'));
  try {
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(compilerConfig));
    for (const [index, block] of modules.entries()) {
      writeFileSync(join(folder, `${index}.mts`), `${preambleOf(block)}${block.code}\nexport {};\n`);
    }
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const options = ['--noEmit', '--pretty', 'false', '-p', folder];
    const { stdout } = spawnSync(process.execPath, [tsc, ...options], { cwd: folder, encoding: 'utf8' });
    const lines = stdout.split('\n').filter((line) => line !== '');
    return lines.map((line) =>
      line.replace(/^(\d+)\.mts\((\d+),\d+\)/, (_, index, at) => {
        const block = modules[Number(index)]!;
        const added = preambleOf(block).split('\n').length - 1;
        return `${block.page}:${block.line + Number(at) - 1 - added}`;
      })
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Nobody need use what a block shows. */
const compilerConfig = {
  extends: join(root, 'tsconfig.json'),
  compilerOptions: { rootDir: parse(root).root, noUnusedLocals: false, noUnusedParameters: false },
  include: ['*.mts'],
  exclude: []
};

/** Lines that declare what the block takes for granted. */
function preambleOf({ page: path, code }: Block): string {
  const names = Object.entries(preambles[path] ?? {});
  const isOwn = (name: string): boolean =>
    new RegExp(`\\b(const|using|let|function|class) ${name}\\b`).test(code);
  return names
    .filter(([name]) => !isOwn(name))
    .map(([, declaration]) => `${declaration}\n`)
    .join('');
}

function page(path: string) {
  return pages.find((other) => other.path === path)!;
}

function isErrorClass(value: unknown): value is { readonly name: string } {
  const { FleetError } = library;
  return typeof value === 'function' && value.prototype instanceof FleetError;
}
