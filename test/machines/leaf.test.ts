import { readdirSync, readFileSync } from 'node:fs';
import { StateMachine, type AnyStateMachine, type AnyStateNode } from 'xstate';
import { describe, expect, it } from 'vitest';
import * as machinesModule from '../../machines/index.ts';

const directory = new URL('../../machines/', import.meta.url);
const files = readdirSync(directory).filter((file) => file.endsWith('.ts'));
const machines = Object.values(machinesModule).filter(isMachine);

describe.each(files)('machines/%s', (file) => {
  const code = withoutComments(readFileSync(new URL(file, directory), 'utf8'));

  it('imports only xstate and its neighbours', () => {
    const specifiers = Array.from(
      code.matchAll(/\b(?:from|import)\s*\(?\s*(['"])(.+?)\1/g),
      ([, , name]) => name!
    );
    expect(specifiers.filter((name) => !/^(xstate|\.\/\w+\.ts)$/.test(name))).toEqual([]);
    expect(specifiers.filter((name) => name.startsWith('.') && !files.includes(name.slice(2)))).toEqual([]);
  });

  it.each([
    'Date',
    'Math.random',
    'setTimeout',
    'setInterval',
    'setImmediate',
    'queueMicrotask',
    'crypto',
    'performance',
    'process',
    'globalThis',
    'console',
    'require'
  ])('does not use %s', (name) => {
    expect(code).not.toMatch(
      new RegExp(String.raw`(?<![\w.'\`])${name.replace('.', String.raw`\.`)}\b(?=[.(])`)
    );
  });
});

it('finds every machine', () => {
  const named = files
    .filter((file) => file.endsWith('Machine.ts'))
    .map((file) => file.replace('Machine.ts', ''));
  expect(machines.map((machine) => machine.id).sort()).toEqual(named.sort());
});

describe.each(machines.map((machine) => [machine.id, machine] as const))('%sMachine', (_, machine) => {
  const nodes = [machine.root, ...descendants(machine.root)];
  const references = nodes.flatMap(referencesOf);

  it('describes every state that is not final', () => {
    const bare = nodes.filter((node) => node.type !== 'final' && !node.description);
    expect(bare.map((node) => node.id)).toEqual([]);
  });

  it('refers to every action, guard and actor by name', () => {
    expect(references.filter(({ name }) => name === null)).toEqual([]);
  });

  it('implements every name that the chart uses', () => {
    const missing = references.filter(
      ({ kind, name }) => name !== null && !(name in machine.implementations[kind])
    );
    expect(missing).toEqual([]);
  });

  it.each(['actions', 'guards', 'actors'] as const)('uses all the %s that it implements', (kind) => {
    const used = new Set(references.filter((reference) => reference.kind === kind).map(({ name }) => name));
    const spawned = new Set(['worker', 'coordinator', 'autoscaler', 'hostedFleet']); // by name, from within an action
    const unused = Object.keys(machine.implementations[kind]).filter((name) => !used.has(name));
    expect(unused.filter((name) => !spawned.has(name))).toEqual([]);
  });

  it('has no delayed transition, which a restart would lose', () => {
    expect(nodes.filter((node) => node.after.length > 0).map((node) => node.id)).toEqual([]);
  });
});

function isMachine(value: unknown): value is AnyStateMachine {
  return value instanceof StateMachine;
}

function withoutComments(code: string): string {
  return code.replaceAll(/\/\*[^]*?\*\//g, '').replaceAll(/\/\/.*$/gm, '');
}

function descendants(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states).flatMap((child) => [child, ...descendants(child)]);
}

interface Reference {
  readonly kind: 'actions' | 'guards' | 'actors';
  /** `null`: inline. */
  readonly name: string | null;
  readonly where: string;
}

interface NodeConfig {
  readonly entry?: unknown;
  readonly exit?: unknown;
  readonly on?: Readonly<Record<string, unknown>>;
  readonly always?: unknown;
  readonly onDone?: unknown;
  readonly invoke?: unknown;
}

interface InvokeConfig {
  readonly src: unknown;
  readonly onDone?: unknown;
  readonly onError?: unknown;
  readonly onSnapshot?: unknown;
}

function referencesOf(node: AnyStateNode): Reference[] {
  const config = node.config as NodeConfig;
  const invokes = list(config.invoke) as InvokeConfig[];
  const transitions = [
    ...Object.values(config.on ?? {}),
    config.always,
    config.onDone,
    ...invokes.flatMap(({ onDone, onError, onSnapshot }) => [onDone, onError, onSnapshot])
  ].flatMap(list) as { guard?: unknown; actions?: unknown }[];
  const reference = (kind: Reference['kind'], value: unknown) => ({
    kind,
    name: nameOf(value),
    where: node.id
  });
  return [
    ...[config.entry, config.exit, ...transitions.map(({ actions }) => actions)]
      .flatMap(list)
      .map((action) => reference('actions', action)),
    ...transitions.flatMap(({ guard }) => list(guard)).map((guard) => reference('guards', guard)),
    ...invokes.map(({ src }) => reference('actors', src))
  ];
}

function list(value: unknown): unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function nameOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return null;
  const { type } = value as { type?: unknown };
  return typeof type === 'string' ? type : null;
}
