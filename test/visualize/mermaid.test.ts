import { and, assign, createMachine, not, type AnyStateNode } from 'xstate';
import { describe, expect, it } from 'vitest';
import * as machinesModule from '../../machines/index.ts';
import { machines } from '../../visualizations/charts.ts';
import { toMermaid } from '../../src/visualize/mermaid.ts';

it('draws every machine there is', () => {
  const named = Object.keys(machinesModule).filter((name) => name.endsWith('Machine'));
  expect([...machines.keys()].sort()).toEqual(named.sort());
});

describe.each([...machines])('the drawing of %s', (_, machine) => {
  const drawing = read(toMermaid(machine));
  const nodes = [machine.root, ...descendants(machine.root)];
  const edges = nodes.flatMap(edgesOf);

  it('has every state', () => {
    const ids = nodes.filter(({ parent }) => parent).map(idOf);
    expect(ids.filter((id) => !drawing.states.has(id))).toEqual([]);
  });

  it('marks where each compound state begins, and what is final', () => {
    const initial = nodes.flatMap((node) => node.initial.target ?? []).map(idOf);
    const final = nodes.filter(({ type }) => type === 'final').map(idOf);
    expect(drawing.initial.sort()).toEqual(initial.sort());
    expect(drawing.final.sort()).toEqual(final.sort());
  });

  it.each(edges.map((edge) => [edge.name, edge] as const))('has %s', (_, { places, pattern }) => {
    for (const place of places) expect(drawing.texts.get(place)).toMatch(pattern);
  });

  it('has no arrow that the machine has not', () => {
    const places = new Set(edges.flatMap(({ places }) => places));
    expect(drawing.arrows.filter((arrow) => !places.has(arrow))).toEqual([]);
  });
});

describe('toMermaid', () => {
  it('draws a flat machine', () => {
    const machine = createMachine({
      id: 'door',
      initial: 'closed',
      states: {
        closed: { description: 'Nobody passes.', on: { open: { target: 'opened', actions: 'creak' } } },
        opened: { entry: 'greet', on: { close: { guard: 'isClear', target: 'closed' }, knock: {} } }
      }
    });
    expect(toMermaid(machine)).toBe(
      [
        'stateDiagram-v2',
        '  [*] --> closed',
        '  state "closed" as closed',
        '  closed : Nobody passes.',
        '  state "opened" as opened',
        '  opened : entry / greet',
        '  opened : ignore knock',
        '  closed --> opened : open / creak',
        '  opened --> closed : close [isClear]',
        ''
      ].join('\n')
    );
  });

  it('puts regions into frames, and what all states share into a box', () => {
    const region = {
      initial: 'off',
      states: { off: { on: { toggle: 'on' } }, on: { type: 'final' } }
    } as const;
    const machine = createMachine({
      id: 'lamps',
      type: 'parallel',
      invoke: { src: 'power' },
      states: { left: { ...region, on: { reset: '.off' } }, right: region }
    });
    expect(toMermaid(machine)).toBe(
      [
        'stateDiagram-v2',
        '  state "lamps (parallel)" as machine {',
        '    direction LR',
        '    state "any state" as machine__any',
        '    machine__any : invoke power',
        '    state "left" as left {',
        '      direction TB',
        '      [*] --> left__off',
        '      state "any state" as left__any',
        '      state "off" as left__off',
        '      state "on" as left__on',
        '      left__any --> left__off : reset',
        '      left__off --> left__on : toggle',
        '      left__on --> [*]',
        '    }',
        '    state "right" as right {',
        '      direction TB',
        '      [*] --> right__off',
        '      state "off" as right__off',
        '      state "on" as right__on',
        '      right__off --> right__on : toggle',
        '      right__on --> [*]',
        '    }',
        '  }',
        '  classDef any stroke-dasharray:4',
        '  class machine__any,left__any any',
        ''
      ].join('\n')
    );
  });

  it('says what comes first, what else, and shares a label between events of one effect', () => {
    const drawing = read(
      toMermaid(
        createMachine({
          initial: 'a',
          states: {
            a: {
              on: {
                go: [{ guard: 'isReady', target: 'b' }, { guard: 'isLate', target: 'b' }, { target: 'b' }],
                run: { guard: 'isReady', target: 'b' }
              }
            },
            b: {}
          }
        })
      )
    );
    expect(drawing.texts.get('a --> b')).toBe('go, run [isReady] go [else isLate] go [else]');
  });

  it('names delays, invocations, completion, composed guards and inline parts', () => {
    const drawing = read(
      toMermaid(
        createMachine({
          initial: 'a',
          states: {
            a: {
              invoke: { src: 'load', onDone: 'b', onError: { target: 'b', actions: assign({}) } },
              after: { 1000: 'b', pause: { guard: and(['isIdle', not('isBusy')]), target: 'b' } },
              always: { guard: () => false, target: 'b', actions: () => {} }
            },
            b: { initial: 'c', onDone: 'a', states: { c: { type: 'final' } } }
          }
        })
      )
    );
    expect(drawing.texts.get('a --> b')).toBe(
      'always [inline] / inline load done, after 1000 ms load failed / assign after pause [and(isIdle, not(isBusy))]'
    );
    expect(drawing.texts.get('a')).toBe('invoke load');
    expect(drawing.texts.get('b --> a')).toBe('done');
  });

  it('draws a self-transition as an arrow only when it leaves the state', () => {
    const drawing = read(
      toMermaid(
        createMachine({
          initial: 'a',
          states: {
            a: { on: { again: { target: 'a', reenter: true }, note: { target: 'a', actions: 'log' } } }
          }
        })
      )
    );
    expect(drawing.texts.get('a --> a')).toBe('again');
    expect(drawing.texts.get('a')).toBe('note / log');
  });

  it('says which ways into a state leave it first', () => {
    const box = { initial: 'x', states: { x: {}, y: {} } };
    const on = {
      inside: '.y',
      outside: { target: '.y', reenter: true },
      self: { target: 'box' },
      anew: { target: 'box', reenter: true }
    };
    const { texts } = read(toMermaid(createMachine({ initial: 'box', states: { box: { ...box, on } } })));

    expect(texts.get('box__any --> box__y')).toBe('inside outside (re-enters box)');
    expect(texts.get('box --> box')).toBe('self (begins anew inside) anew');
  });

  it('keeps names and descriptions from being read as syntax', () => {
    const text = toMermaid(
      createMachine({
        initial: 'note',
        states: {
          note: { description: 'A "b"; c: d --> {e} *f*', on: { 'x:y': 'two words' } },
          'two words': {}
        }
      })
    );
    expect(text).toContain('state "note" as note_\n');
    expect(text).toContain('state "two words" as two_u20_words\n');
    expect(text).toContain('note_ --> two_u20_words : x#58;y\n');
    expect(read(text).texts.get('note_')).toBe('A "b"; c: d --> {e} *f*');
  });

  it('tells all states apart, whatever their names are', () => {
    const keys = ['a b', 'a-b', 'a_b', 'a__b', 'a_u20_b', '开始', '结束', '_', '__', 'any', 'machine', 'a'];
    const machine = createMachine({
      type: 'parallel',
      states: {
        ...Object.fromEntries(keys.map((key) => [key, {}])),
        a: { initial: 'b', states: { b: {}, any: {} }, on: { all: '.any' } },
        a__: { initial: 'b', states: { b: {} } }
      }
    });
    const ids = [...toMermaid(machine).matchAll(/^ *state ".*" as (\S+)/gm)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    // The machine, its states with `a__`, the three within those, and `any state` of `a`.
    expect(ids).toHaveLength(1 + keys.length + 1 + 3 + 1);
  });

  it('keeps clear of words that Mermaid does not take for states', () => {
    const keys = ['note', 'accTitle', 'constructor', 'toString', 'hasOwnProperty'];
    const machine = createMachine({
      initial: 'note',
      states: Object.fromEntries(keys.map((key) => [key, {}]))
    });
    for (const key of keys) expect(toMermaid(machine)).toContain(`state "${key}" as ${key}_\n`);
  });

  it('writes characters beyond the first 65,536 as one', () => {
    const machine = createMachine({ initial: '🚀', states: { '🚀': {} } });
    expect(toMermaid(machine)).toContain('state "#128640;" as _u1f680_');
  });

  it('draws a machine without states as a box', () => {
    const text = toMermaid(
      createMachine({
        id: 'lamp',
        on: { ring: { actions: 'chime' }, anew: { target: '#lamp', reenter: true } }
      })
    );
    expect(text.split('\n').map((line) => line.trim())).toEqual([
      'stateDiagram-v2',
      'state "lamp" as machine',
      'machine : ring / chime',
      'machine --> machine : anew',
      ''
    ]);
  });

  it('has one statement for a name of several lines', () => {
    const name = 'a\nclick a href "javascript:x"\n%%{init: {}}%%\r\u2028b';
    const machine = createMachine({
      initial: name,
      description: name,
      states: {
        [name]: { description: name, on: { [name]: { target: 'c', guard: name, actions: name } } },
        c: {}
      }
    });
    const text = toMermaid(machine);
    expect(text).not.toMatch(/^\s*(click|%%|b\b)|[\r\u2028]/m);
    expect(text).toContain('state "a click a href #34;javascript#58;x#34; ');
  });

  it('leaves long descriptions out', () => {
    const machine = createMachine({ initial: 'a', states: { a: { description: 'word '.repeat(30) } } });
    expect(toMermaid(machine)).not.toContain('word');
  });
});

interface Drawing {
  readonly states: ReadonlySet<string>;
  readonly initial: string[];
  readonly final: string[];
  /** `from --> to`, but for those from and to `[*]`. */
  readonly arrows: readonly string[];
  /** What is written on an arrow or into a state, on one line. */
  readonly texts: ReadonlyMap<string, string>;
}

function read(text: string): Drawing {
  const states = new Set<string>();
  const initial: string[] = [];
  const final: string[] = [];
  const arrows: string[] = [];
  const texts = new Map<string, string>();
  for (const line of text.split('\n').map((raw) => raw.trim())) {
    const [, state] = /^state ".*" as (\w+)/.exec(line) ?? [];
    if (state !== undefined) states.add(state);
    const [, from, to] = /^(\S+) --> (\S+)/.exec(line) ?? [];
    if (from === '[*]') initial.push(to!);
    else if (to === '[*]') final.push(from!);
    else if (from !== undefined) arrows.push(`${from} --> ${to}`);
    const [, place, words] = /^(\w+(?: --> \w+)?) : (.*)$/.exec(line) ?? [];
    if (place !== undefined) texts.set(place, `${texts.get(place) ?? ''} ${decoded(words!)}`.trim());
  }
  return { states, initial, final, arrows, texts };
}

function decoded(label: string): string {
  return label
    .replaceAll('<br/>', ' ')
    .replaceAll(/#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replaceAll(/\s+/g, ' ')
    .trim();
}

interface Edge {
  readonly name: string;
  /** Where it must be written: on an arrow to each target, or in its state. */
  readonly places: readonly string[];
  readonly pattern: RegExp;
}

/** The transitions of a state, as its config has them. */
function edgesOf(node: AnyStateNode): Edge[] {
  const { on, always, onDone, invoke } = node.config as StateConfig;
  const declared: [trigger: string, transitions: unknown][] = [
    ...Object.entries(on ?? {}),
    ['always', always],
    ['done', onDone],
    ...list(invoke as InvokeConfig | undefined).flatMap(({ src, onDone, onError }): [string, unknown][] => [
      [`${src} done`, onDone],
      [`${src} failed`, onError]
    ])
  ];
  return declared.flatMap(([trigger, transitions]) =>
    list(transitions as TransitionConfig | string | undefined).map((declaration, index) => {
      const { target, guard, actions } =
        typeof declaration === 'string' ? ({ target: declaration } satisfies TransitionConfig) : declaration;
      const condition = [index > 0 ? 'else' : '', guard === undefined ? '' : nameOf(guard)]
        .filter(Boolean)
        .join(' ');
      const names = list(actions).map(nameOf).join(', ');
      const effect = (condition && ` [${condition}]`) + (names && ` / ${names}`);
      const leaves = target !== undefined && !resolve(node, target).path.join().startsWith(node.path.join());
      const frame = node.type === 'atomic' || leaves ? '' : '__any';
      return {
        name: `${node.id}: ${trigger}${effect}${target === undefined ? '' : ` -> ${target}`}`,
        places: [idOf(node) + frame + (target === undefined ? '' : ` --> ${idOf(resolve(node, target))}`)],
        // The event may share its line with others; the effect must end where it ends here.
        pattern: new RegExp(`(^|[ ,])${quoted(trigger)}(, [^,/[\\]]+)*${quoted(effect)}(?=$| (?![[/]))`)
      };
    })
  );
}

interface StateConfig {
  readonly on?: Readonly<Record<string, unknown>>;
  readonly always?: unknown;
  readonly onDone?: unknown;
  readonly invoke?: unknown;
}

interface InvokeConfig {
  readonly src: string;
  readonly onDone?: unknown;
  readonly onError?: unknown;
}

interface TransitionConfig {
  readonly target?: string;
  readonly guard?: Reference;
  readonly actions?: Reference | readonly Reference[];
}

type Reference = string | { readonly type: string };

function nameOf(reference: Reference): string {
  return typeof reference === 'string' ? reference : reference.type;
}

function resolve(node: AnyStateNode, target: string): AnyStateNode {
  if (target.startsWith('#')) return node.machine.getStateNodeById(target.slice(1));
  const [from, path] = target.startsWith('.') ? [node, target.slice(1)] : [node.parent!, target];
  return path.split('.').reduce((frame: AnyStateNode, key) => frame.states[key]!, from);
}

function idOf({ path }: AnyStateNode): string {
  return path.length === 0 ? 'machine' : path.join('__');
}

function descendants(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states).flatMap((child) => [child, ...descendants(child)]);
}

function list<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

function quoted(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
