import type { AnyStateMachine } from 'xstate';
import { assertMachine } from '../validation/machine.ts';
import { assertText } from '../validation/validation.ts';
import { listed, nameless, nameOf } from './transitions.ts';

/** A machine's config as JSON, and what of the machine JSON cannot hold. */
export interface StatelyConfig {
  /** Plain JSON that `createMachine` takes. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Functions that the machine has in its chart instead of a name, in the order of the chart. */
  readonly inlined: readonly Inlined[];
}

/** A function that the config refers to by a name that was made up for it. */
export interface Inlined {
  readonly kind: ImplementationKind;
  /** `inline:<name of the function>`, `inline` where it has none; with a number after it where that is taken. */
  readonly name: string;
  /** Where it stands, such as `states.idle.on.go[0].guard`. */
  readonly at: string;
}

/** What a machine refers to by name, as `setup` calls it. */
type ImplementationKind = 'actions' | 'guards' | 'actors' | 'delays';

/**
 * The config of a machine as plain JSON, every action, guard, actor and delay by a name.
 *
 * A reference with parameters keeps its type, and its parameters where they are data; parameters that are computed, the
 * context and the input and output of actors are functions, which are left out.
 *
 * @returns What `createMachine(config).provide(…)` takes: a machine of the same states and transitions.
 * @throws {ValidationError} for what is no machine.
 */
export function toStatelyConfig(machine: AnyStateMachine): StatelyConfig {
  assertMachine('machine', machine);
  const { config } = machine;
  const writer = new ConfigWriter();
  return {
    config: { ...writer.state(config as Json, ''), ...versionOf(config as Json) },
    inlined: writer.inlined
  };
}

/**
 * A module that Stately Studio imports: `setup({ … }).createMachine({ … })`, with every name declared.
 *
 * What is declared does nothing: actions are empty, guards hold, actors never end. It is the chart, not the program.
 *
 * @param name - What the machine is exported as; what is no identifier becomes one.
 * @throws {ValidationError}
 */
export function toStatelySource(machine: AnyStateMachine, name: string): string {
  assertText('name', name);
  const { config } = toStatelyConfig(machine);
  const names = namesIn(config);
  const sections = (['actors', 'guards', 'actions', 'delays'] as const)
    .filter((kind) => names[kind].size > 0)
    .map((kind) => {
      const lines = [...names[kind]].map((each) => `    ${quoted(each)}: ${stubOf(kind, each, machine)}`);
      return `  ${kind}: {\n${lines.join(',\n')}\n  }`;
    });
  return [
    `import { ${names.actors.size > 0 ? 'fromPromise, ' : ''}setup } from 'xstate';`,
    '',
    `export const ${identifierOf(name)} = setup({`,
    sections.join(',\n'),
    `}).createMachine(${JSON.stringify(config, null, 2)});`,
    ''
  ].join('\n');
}

type Json = Readonly<Record<string, unknown>>;

/** Keys of a state's config that are data as they are. */
const dataKeys = [
  'id',
  'key',
  'type',
  'initial',
  'history',
  'target',
  'description',
  'tags',
  'meta'
] as const;

class ConfigWriter {
  readonly inlined: Inlined[] = [];
  readonly #names = new Map<string, unknown>();

  state(state: Json, at: string): Json {
    const own: Record<string, unknown> = {};
    for (const key of dataKeys) {
      if (state[key] !== undefined && isData(state[key])) own[key] = state[key];
    }
    if (typeof state.initial === 'object' && state.initial !== null) {
      own.initial = this.#transition(state.initial as Json, `${at}initial`);
    }
    for (const key of ['entry', 'exit'] as const) {
      if (state[key] !== undefined) own[key] = this.#actions(state[key], at + key);
    }
    for (const key of ['always', 'onDone'] as const) {
      if (state[key] !== undefined) own[key] = this.#transitions(state[key], at + key);
    }
    if (state.invoke !== undefined) {
      own.invoke = mapped(state.invoke, (invoked, index) => this.#invocation(invoked, `${at}invoke${index}`));
    }
    for (const key of ['on', 'after'] as const) {
      if (state[key] === undefined) continue;
      own[key] = mapValues(state[key] as Json, (value, event) =>
        this.#transitions(value, `${at}${key}.${event}`)
      );
    }
    if (state.states !== undefined) {
      own.states = mapValues(state.states as Json, (child, key) =>
        this.state(child as Json, `${at}states.${key}.`)
      );
    }
    return own;
  }

  /** One that is `undefined` is forbidden, as one without a target and actions is; JSON has only the second. */
  #transitions(value: unknown, at: string): unknown {
    if (value === undefined) return {};
    return mapped(value, (each, index) =>
      typeof each === 'object' && each !== null ? this.#transition(each as Json, at + index) : each
    );
  }

  #transition({ target, guard, actions, reenter, description, meta }: Json, at: string): Json {
    return {
      ...(description === undefined ? {} : { description }),
      ...(guard === undefined ? {} : { guard: this.#reference('guards', guard, `${at}.guard`) }),
      ...(target === undefined ? {} : { target }),
      ...(reenter === undefined ? {} : { reenter }),
      ...(actions === undefined ? {} : { actions: this.#actions(actions, `${at}.actions`) }),
      ...(meta === undefined || !isData(meta) ? {} : { meta })
    };
  }

  #actions(value: unknown, at: string): unknown {
    return mapped(value, (action, index) => this.#reference('actions', action, at + index));
  }

  #invocation(value: unknown, at: string): Json {
    const { id, systemId, src, input, onDone, onError, onSnapshot } = value as Json;
    return {
      ...(id === undefined ? {} : { id }),
      ...(systemId === undefined ? {} : { systemId }),
      src: typeof src === 'string' ? src : this.#named('actors', src, `${at}.src`, id),
      ...(input === undefined || !isData(input) ? {} : { input }),
      ...Object.fromEntries(
        Object.entries({ onDone, onError, onSnapshot })
          .filter(([, transitions]) => transitions !== undefined)
          .map(([key, transitions]) => [key, this.#transitions(transitions, `${at}.${key}`)])
      )
    };
  }

  /** A name, or `{ type, params }` with parameters that are data. */
  #reference(kind: ImplementationKind, reference: unknown, at: string): unknown {
    if (typeof reference === 'string') return reference;
    if (typeof reference === 'object' && reference !== null && 'type' in reference) {
      const { type, params } = reference as { type: string; params?: unknown };
      return params !== undefined && isData(params) ? { type, params } : { type };
    }
    return this.#named(kind, reference, at);
  }

  /** A name for what has none. The same function has the same one everywhere. */
  #named(kind: ImplementationKind, implementation: unknown, at: string, id?: unknown): string {
    const own = typeof id === 'string' ? id : nameOf(implementation);
    const base = own === nameless ? own : `inline:${own}`;
    let name = base;
    for (let n = 2; this.#names.has(`${kind} ${name}`); n += 1) {
      if (this.#names.get(`${kind} ${name}`) === implementation) return name;
      name = `${base} ${n}`;
    }
    this.#names.set(`${kind} ${name}`, implementation);
    this.inlined.push({ kind, name, at });
    return name;
  }
}

function versionOf({ version }: Json): Json {
  return version === undefined ? {} : { version };
}

/** Every name that a config refers to. */
function namesIn(config: Json): Record<ImplementationKind, Set<string>> {
  const names = {
    actions: new Set<string>(),
    guards: new Set<string>(),
    actors: new Set<string>(),
    delays: new Set<string>()
  };
  const add = (kind: ImplementationKind, reference: unknown): void => {
    if (reference !== undefined) names[kind].add(nameOf(reference));
  };
  const readTransitions = (value: unknown): void => {
    for (const each of listed(value)) {
      if (typeof each !== 'object' || each === null) continue;
      const { guard, actions } = each as Json;
      add('guards', guard);
      for (const action of listed(actions)) add('actions', action);
    }
  };
  const readState = (state: Json): void => {
    for (const action of [...listed(state.entry), ...listed(state.exit)]) add('actions', action);
    if (typeof state.initial === 'object') readTransitions(state.initial);
    for (const transitions of [state.always, state.onDone]) readTransitions(transitions);
    for (const transitions of Object.values((state.on ?? {}) as Json)) readTransitions(transitions);
    for (const [delay, transitions] of Object.entries((state.after ?? {}) as Json)) {
      if (!/^\d+$/.test(delay)) add('delays', delay);
      readTransitions(transitions);
    }
    for (const invoked of listed(state.invoke) as Json[]) {
      add('actors', invoked.src);
      for (const transitions of [invoked.onDone, invoked.onError, invoked.onSnapshot])
        readTransitions(transitions);
    }
    for (const child of Object.values((state.states ?? {}) as Json)) readState(child as Json);
  };
  readState(config);
  return names;
}

function stubOf(kind: ImplementationKind, name: string, machine: AnyStateMachine): string {
  if (kind === 'actions') return '() => {}';
  if (kind === 'guards') return '() => true';
  if (kind === 'actors') return 'fromPromise(() => new Promise(() => {}))';
  const delay: unknown = machine.implementations.delays[name];
  return typeof delay === 'number' ? String(delay) : '1000';
}

/** Each of a list, or the one value; `index` is `[n]` in a list. */
function mapped(value: unknown, change: (each: unknown, index: string) => unknown): unknown {
  return Array.isArray(value) ? value.map((each, index) => change(each, `[${index}]`)) : change(value, '');
}

function mapValues(record: Json, change: (value: unknown, key: string) => unknown): Json {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value, key)]));
}

/** Whether a value is the same after it was written as JSON and read again. */
function isData(value: unknown): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isData);
  if (typeof value !== 'object') return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && Object.values(value).every(isData);
}

function identifierOf(name: string): string {
  return name
    .replaceAll(/[^A-Za-z0-9_$]/g, '_')
    .replace(/^(?=\d)|^$/, '_')
    .replace(takenWords, '$1_');
}

/** Words of the language, and what the module imports. */
const takenWords =
  /^(arguments|await|break|case|catch|class|const|continue|debugger|default|delete|do|else|enum|eval|export|extends|false|finally|for|fromPromise|function|if|implements|import|in|instanceof|interface|let|new|null|package|private|protected|public|return|setup|static|super|switch|this|throw|true|try|typeof|var|void|while|with|yield)$/;

function quoted(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name);
}
