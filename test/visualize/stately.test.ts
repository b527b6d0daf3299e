import { and, assign, createMachine, fromPromise, setup, type AnyStateMachine } from 'xstate';
import { describe, expect, it } from 'vitest';
import { describeMachine, toStatelyConfig, toStatelySource } from 'xstate-fleet/visualize';
import { machines } from '../../visualizations/charts.ts';
import { foreignCharts } from '../foreign/charts.ts';
import { importModule } from '../../src/handlers/moduleImport.ts';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const modules = fileURLToPath(new URL('../../node_modules/', import.meta.url));

describe.each([...machines])('the config of %s', (name, machine) => {
  const { config, inlined } = toStatelyConfig(machine);

  it('is JSON', () => {
    expect(JSON.parse(JSON.stringify(config))).toEqual(config);
  });

  it('makes a machine of the same states, transitions and names', () => {
    expect(describeMachine(createMachine(config as never))).toEqual(describeMachine(machine));
  });

  it('refers only to what the machine has under that name', () => {
    expect(inlined).toEqual([]);
    const { actions, guards, actors } = machine.implementations;
    const { root } = describeMachine(machine);
    const states = [root, ...root.states.flatMap((state) => [state, ...state.states])];
    const used = states.flatMap(({ entry, exit, transitions }) => [
      ...entry,
      ...exit,
      ...transitions.flatMap((transition) => transition.actions)
    ]);
    expect(used.filter((action) => !(action in actions))).toEqual([]);
    const guarded = states.flatMap(({ transitions }) => transitions.flatMap(({ guard }) => guard ?? []));
    expect(guarded.filter((guard) => !(guard in guards))).toEqual([]);
    const invoked = states.flatMap(({ invoke }) => invoke.map(({ src }) => src));
    expect(invoked.filter((src) => !(src in actors))).toEqual([]);
  });

  it('becomes a module that makes the same machine', async () => {
    const folder = mkdtempSync(join(modules, '.stately-'));
    try {
      const file = join(folder, `${name}.mjs`);
      writeFileSync(file, toStatelySource(machine, name));
      const imported = (await importModule(pathToFileURL(file).href))[name] as AnyStateMachine;
      expect(describeMachine(imported)).toEqual(describeMachine(machine));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

it('is a module that compiles, as strictly as it can be asked for, of whatever machine', () => {
  const folder = mkdtempSync(join(modules, '.stately-'));
  try {
    const all = [...machines.values(), ...Array.from(foreignCharts.values(), ({ machine }) => machine)];
    for (const [index, machine] of all.entries())
      writeFileSync(join(folder, `${index}.ts`), toStatelySource(machine, `${machine.id} machine`));
    const compilerOptions = { strict: true, noEmit: true, module: 'nodenext', target: 'es2022' };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));

    const compiler = [join(modules, 'typescript/bin/tsc'), '--pretty', 'false', '-p', folder];
    const { stdout, status } = spawnSync(process.execPath, compiler, { encoding: 'utf8' });

    expect({ stdout, status }).toEqual({ stdout: '', status: 0 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe('toStatelyConfig', () => {
  it('gives functions a name that says so, and tells where each stands', () => {
    function isReady() {
      return true;
    }
    const load = fromPromise(() => Promise.resolve(1));
    const machine = createMachine({
      initial: 'a',
      states: {
        a: {
          entry: [() => {}, assign({})],
          invoke: { src: load, id: 'loading' },
          on: {
            go: { guard: isReady, target: 'b' },
            run: { guard: isReady, target: 'b' },
            both: { guard: and([isReady, 'isLate']), target: 'b' }
          }
        },
        b: {}
      }
    });
    const { config, inlined } = toStatelyConfig(machine);
    expect(inlined).toEqual([
      { kind: 'actions', name: 'inline', at: 'states.a.entry[0]' },
      { kind: 'actions', name: 'inline:assign', at: 'states.a.entry[1]' },
      { kind: 'actors', name: 'inline:loading', at: 'states.a.invoke.src' },
      { kind: 'guards', name: 'inline:isReady', at: 'states.a.on.go.guard' },
      { kind: 'guards', name: 'inline:and', at: 'states.a.on.both.guard' }
    ]);
    expect(JSON.parse(JSON.stringify(config))).toEqual(config);
  });

  it('keeps the type of a reference, and those of its parameters that are data', () => {
    const machine = setup({
      actions: { log: (_, _params: { level: number }) => {} },
      guards: { isAtLeast: (_, params: { level: number }) => params.level > 0 }
    }).createMachine({
      on: {
        data: { actions: { type: 'log', params: { level: 1 } } },
        computed: {
          guard: { type: 'isAtLeast', params: () => ({ level: 2 }) },
          actions: { type: 'log', params: () => ({ level: 2 }) }
        }
      }
    });
    expect(toStatelyConfig(machine).config).toEqual({
      on: {
        data: { actions: { type: 'log', params: { level: 1 } } },
        computed: { guard: { type: 'isAtLeast' }, actions: { type: 'log' } }
      }
    });
  });

  it('declares delays with their length in the module, and makes any name an identifier', () => {
    const machine = setup({ delays: { pause: 250 } }).createMachine({
      initial: 'a',
      states: { a: { after: { pause: 'b', 10: 'b' } }, b: {} }
    });
    const source = toStatelySource(machine, '1 machine');
    expect(source).toContain('    pause: 250');
    expect(source).toContain('export const _1_machine = setup({');
  });

  it.each([
    ['default', 'default_'],
    ['class', 'class_'],
    ['setup', 'setup_'],
    ['fromPromise', 'fromPromise_'],
    ['', '_'],
    ['a;alert(1)//', 'a_alert_1___']
  ])('exports a machine called %j as %s', (name, identifier) => {
    expect(toStatelySource(createMachine({}), name)).toContain(`export const ${identifier} = setup({`);
  });
});
