import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AnyStateMachine } from 'xstate';
import { importModule } from '../handlers/moduleImport.ts';
import { machinesOf } from '../visualize/machineModule.ts';
import { toMermaid } from '../visualize/mermaid.ts';
import { toStatelyConfig, toStatelySource } from '../visualize/stately.ts';
import { toSvg } from '../visualize/svg.ts';
import { UsageError } from './failure.ts';
import { print, printable } from './terminal.ts';
import { loadUserModule } from './userModule.ts';

export interface VisualizeOptions {
  readonly export?: string;
  readonly format: 'svg' | 'mermaid' | 'stately';
  readonly out: string;
}

/** `visualize`: draws the machines that a module exports, and prints the path of each file that it wrote. */
export async function visualize(path: string, options: VisualizeOptions): Promise<number> {
  const machines = await loadMachines(path, options.export);
  for (const [name, machine] of machines) {
    for (const [suffix, content] of await draw(machine, name, options.format)) {
      const file = join(options.out, `${fileNameOf(name)}.${suffix}`);
      await write(file, content, options.out);
      await print(`${printable(file)}\n`);
    }
  }
  return 0;
}

async function loadMachines(path: string, name: string | undefined): Promise<Map<string, AnyStateMachine>> {
  const machines = machinesOf(await loadUserModule(path, 'the machines', importModule));
  if (machines.size === 0) {
    throw new UsageError(
      `${path} exports no machine; export what \`createMachine\` or \`setup().createMachine\` returns`
    );
  }
  if (name === undefined) return machines;
  const machine = machines.get(name);
  if (machine !== undefined) return new Map([[name, machine]]);
  throw new UsageError(`${path} exports no machine ${name}; it exports ${[...machines.keys()].join(', ')}`);
}

/** The files of a machine: what comes after its name and a dot, and the content. */
async function draw(
  machine: AnyStateMachine,
  name: string,
  format: VisualizeOptions['format']
): Promise<[suffix: string, content: string][]> {
  if (format === 'svg') return [['svg', await toSvg(machine)]];
  if (format === 'mermaid') return [['mmd', toMermaid(machine)]];
  const { config, inlined } = toStatelyConfig(machine);
  for (const { kind, at, name: given } of inlined) {
    process.stderr.write(printable(`${name}: ${at} is a function; it is called ${given} in ${kind}`) + '\n');
  }
  return [
    ['stately.json', `${JSON.stringify(config, null, 2)}\n`],
    ['stately.ts', toStatelySource(machine, name)]
  ];
}

async function write(file: string, content: string, folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(file, content);
  } catch (error) {
    throw new UsageError(
      `${file} cannot be written: ${(error as Error).message}; pass another folder with --out <dir>`
    );
  }
}

/** An export may have any text for a name. */
function fileNameOf(name: string): string {
  return name.replaceAll(/[^\p{L}\p{N}_$-]/gu, '_');
}
