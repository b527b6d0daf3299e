import {
  and,
  assign,
  cancel,
  createMachine,
  emit,
  enqueueActions,
  forwardTo,
  fromCallback,
  fromEventObservable,
  fromObservable,
  fromPromise,
  fromTransition,
  log,
  not,
  or,
  raise,
  sendParent,
  sendTo,
  setup,
  spawnChild,
  stateIn,
  stopChild,
  type AnyStateMachine,
  type Subscribable
} from 'xstate';
import type { EdgeTestOptions } from 'xstate-fleet/testing';

/** A chart as others write them, and what is needed to take each of its edges. */
export interface ForeignChart {
  readonly machine: AnyStateMachine;
  readonly options: EdgeTestOptions<AnyStateMachine>;
  /** Titles of the edges that nothing can take, with the reason. */
  readonly dead?: Readonly<Record<string, string>>;
}

interface Mail {
  readonly isSpam?: boolean;
}

interface Deep {
  readonly isDeep?: boolean;
}

const never = fromPromise(() => new Promise<never>(() => {}));
const silent: Subscribable<number> = { subscribe: () => ({ unsubscribe: () => {} }) } as never;

/** By what is special about each. */
export const foreignCharts: ReadonlyMap<string, ForeignChart> = new Map<string, ForeignChart>([
  [
    'no states',
    {
      machine: createMachine({ id: 'lamp', on: { ring: { actions: 'chime' }, mute: {} } }),
      options: events('ring', 'mute')
    }
  ],
  [
    'targets in every form',
    {
      machine: createMachine({
        initial: 'a',
        on: {
          child: '.b',
          id: '#deep',
          list: ['.c'],
          many: [{ target: '.a', guard: () => false }, '.b'] as never
        },
        states: {
          a: { on: { sibling: 'b', path: 'c.inner', array: { target: ['c'] }, self: { target: 'a' } } },
          b: { on: { back: { target: 'a', reenter: true }, idPath: '#box.inner' } },
          c: {
            id: 'box',
            initial: 'first',
            states: { first: {}, inner: { id: 'deep', on: { up: '#(machine).a' } } }
          }
        }
      }),
      options: {
        ...events('child', 'id', 'list', 'many', 'sibling', 'path', 'array', 'self', 'back', 'idPath', 'up')
      },
      dead: { '(root): many [inline] -> a': 'its guard was false all 4 times, with these payloads' }
    }
  ],
  [
    'nested compounds with completion at each level',
    {
      machine: createMachine({
        id: 'nested',
        initial: 'outer',
        states: {
          outer: {
            initial: 'middle',
            onDone: 'after',
            states: {
              middle: {
                initial: 'inner',
                onDone: [{ guard: ({ context }) => context.isLate, target: 'late' }, { target: 'early' }],
                states: { inner: { on: { step: 'end' } }, end: { type: 'final', output: 1 } }
              },
              late: { type: 'final' },
              early: { type: 'final' }
            }
          },
          after: { type: 'final' }
        },
        context: ({ input }: { input: { isLate: boolean } }) => ({ isLate: input.isLate }),
        output: ({ context }) => context.isLate
      }),
      options: { ...events('step'), inputs: [{ isLate: true }, { isLate: false }] }
    }
  ],
  [
    'parallel with completion and one transition into two regions',
    {
      machine: createMachine({
        id: 'editor',
        initial: 'off',
        states: {
          off: { on: { both: { target: ['on.bold.yes', 'on.italic.yes'] }, on: 'on' } },
          on: {
            type: 'parallel',
            onDone: { target: 'off', actions: 'record' },
            on: {
              reset: { target: ['.bold.no', '.italic.no'] },
              restart: { target: 'on', reenter: true },
              again: 'on'
            },
            states: {
              bold: {
                initial: 'no',
                states: {
                  no: { on: { bold: 'yes' } },
                  yes: { on: { save: 'saved' } },
                  saved: { type: 'final' }
                }
              },
              italic: {
                initial: 'no',
                states: {
                  no: { on: { italic: 'yes' } },
                  yes: { on: { save: 'saved' } },
                  saved: { type: 'final' }
                }
              }
            }
          }
        }
      }),
      options: events('both', 'on', 'reset', 'restart', 'again', 'bold', 'italic', 'save')
    }
  ],
  [
    'shallow and deep history, with and without a default',
    {
      machine: createMachine({
        id: 'player',
        initial: 'off',
        states: {
          off: { on: { shallow: 'on.last', deep: 'on.deepest', fresh: 'on.first', plain: 'on' } },
          on: {
            initial: 'radio',
            on: { off: 'off' },
            states: {
              radio: { initial: 'fm', states: { fm: { on: { next: 'am' } }, am: {} }, on: { tape: 'tape' } },
              tape: {},
              last: { type: 'history' },
              deepest: { type: 'history', history: 'deep', target: 'tape' },
              first: { type: 'history', history: 'shallow', target: 'radio.am' }
            }
          }
        }
      }),
      options: events('shallow', 'deep', 'fresh', 'plain', 'off', 'next', 'tape')
    }
  ],
  [
    'a history of regions, with a default in each',
    {
      machine: createMachine({
        id: 'desk',
        initial: 'away',
        states: {
          away: { on: { sit: 'work.past' } },
          work: {
            type: 'parallel',
            on: { leave: 'away' },
            states: {
              light: { initial: 'off', states: { off: { on: { light: 'on' } }, on: {} } },
              screen: { initial: 'off', states: { off: { on: { screen: 'on' } }, on: {} } },
              past: { type: 'history', history: 'deep', target: 'light.on' }
            }
          }
        }
      }),
      options: events('sit', 'leave', 'light', 'screen'),
      dead: { 'work.light.off: light -> work.light.on': '`work.light.off` was never reached' }
    }
  ],
  [
    'delays: in ms, by name, computed, several at once, cancelled',
    {
      machine: setup({
        types: {} as { context: { factor: number }; events: { type: 'touch' } | { type: 'hold' } },
        delays: { 'retry.short': 20, 'retry.long': ({ context }) => context.factor * 1_000 },
        guards: { isFast: ({ context }) => context.factor === 1 }
      }).createMachine({
        id: 'timers',
        context: { factor: 1 },
        initial: 'waiting',
        states: {
          waiting: {
            after: {
              10: { actions: 'blink' as never },
              'retry.short': { target: 'short' }
            },
            on: { hold: 'held' }
          },
          short: {
            after: {
              'retry.long': [
                {
                  guard: 'isFast',
                  target: 'waiting',
                  actions: assign({ factor: ({ context }) => context.factor + 1 })
                },
                { target: 'over' }
              ]
            },
            on: { touch: { target: 'short', reenter: true } }
          },
          held: {
            entry: raise({ type: 'touch' }, { id: 'soon', delay: 500 }),
            on: { touch: 'over' },
            exit: cancel('soon')
          },
          over: { type: 'final' }
        }
      }) as unknown as AnyStateMachine,
      options: events('touch', 'hold')
    }
  ],
  [
    'an invoked promise with guarded completions',
    {
      machine: setup({
        actors: { load: never as never },
        guards: { isEmpty: ({ event }) => (event as { output?: unknown }).output === 0 }
      }).createMachine({
        id: 'loader',
        initial: 'loading',
        states: {
          loading: {
            invoke: {
              src: 'load',
              input: { url: '/' } as never,
              onDone: [
                { guard: 'isEmpty', target: 'empty' },
                { target: 'full', actions: assign({}) }
              ],
              onError: { target: 'failed' }
            }
          },
          empty: { type: 'final' },
          full: { type: 'final' },
          failed: { on: { retry: 'loading' } }
        }
      }) as unknown as AnyStateMachine,
      options: { ...events('retry'), actors: { '0.loader.loading': { outputs: [0, 1] } } }
    }
  ],
  [
    'invoked inline logic of every kind, in one state',
    {
      machine: createMachine({
        id: 'sources',
        initial: 'on',
        states: {
          on: {
            invoke: [
              { id: 'callback', src: fromCallback(() => {}), onError: 'off' },
              {
                id: 'ticks',
                src: fromObservable(() => silent),
                onSnapshot: { actions: 'show' },
                onDone: 'off',
                onError: { actions: 'note' }
              },
              { id: 'clicks', src: fromEventObservable(() => silent as never), onDone: 'off' },
              {
                id: 'store',
                src: fromTransition((state) => state, 0),
                onSnapshot: [
                  {
                    guard: ({ event }: { event: { snapshot: { context: number } } }) =>
                      event.snapshot.context === 1,
                    target: 'off'
                  },
                  {}
                ] as never
              },
              {
                id: 'child',
                src: createMachine({ initial: 'x', states: { x: { always: 'y' }, y: {} } }),
                onSnapshot: { actions: 'show' },
                onDone: { target: 'off' }
              }
            ],
            on: { forward: { actions: forwardTo('callback') } }
          },
          off: { on: { again: 'on' } }
        }
      }),
      options: {
        ...events('forward', 'again'),
        actors: {
          ticks: { snapshots: [{ context: 1 }] },
          store: { snapshots: [{ context: 0 }, { context: 1 }] },
          child: { snapshots: [{}] }
        }
      }
    }
  ],
  [
    '`always` in a row and from a parent',
    {
      machine: createMachine({
        id: 'router',
        context: ({ input }: { input: { n: number } }) => ({ n: input.n }),
        initial: 'start',
        states: {
          start: {
            always: [
              { guard: ({ context }) => context.n < 0, target: 'below' },
              { guard: ({ context }) => context.n === 0, target: 'zero' },
              { target: 'above' }
            ]
          },
          below: { always: 'zero' },
          zero: { type: 'final' },
          above: {
            always: { guard: ({ context }) => context.n > 2, target: 'zero', actions: log('enough') },
            initial: 'one',
            states: {
              one: {
                on: { up: { actions: assign({ n: ({ context }) => (context as { n: number }).n + 1 }) } }
              }
            }
          }
        }
      }),
      options: { ...events('up'), inputs: [{ n: -1 }, { n: 0 }, { n: 1 }] }
    }
  ],
  [
    'raised events, at once and by another region',
    {
      machine: createMachine({
        id: 'relay',
        type: 'parallel',
        states: {
          left: {
            initial: 'a',
            states: {
              a: { on: { go: { target: 'b', actions: raise({ type: 'ping' }) } } },
              b: { on: { pong: 'a' } }
            }
          },
          right: {
            initial: 'a',
            states: {
              a: { on: { ping: { target: 'b', actions: raise({ type: 'pong' }, { delay: 5 }) } } },
              b: { always: { guard: stateIn({ left: 'a' }), target: 'a' } }
            }
          }
        }
      }),
      options: events('go')
    }
  ],
  [
    'wildcards, whole and partial, that hide one another',
    {
      machine: createMachine({
        id: 'inbox',
        initial: 'open',
        states: {
          open: {
            on: {
              'mail.read': { actions: 'exact' },
              'mail.*': { guard: ({ event }) => (event as Mail).isSpam !== true, actions: 'partial' },
              'mail.draft.*': 'closed',
              '*': { actions: 'any' }
            }
          },
          closed: { on: { '*': 'open', close: {} } }
        }
      }),
      options: {
        events: {
          'mail.read': [{}],
          mail: [{ isSpam: true }, {}],
          'mail.draft.save': [{}],
          other: [{}],
          close: [{}]
        }
      }
    }
  ],
  [
    'forbidden events in children',
    {
      machine: createMachine({
        id: 'modal',
        initial: 'open',
        on: { escape: '.closed' },
        states: {
          open: { on: { lock: 'locked' } },
          locked: { on: { escape: {}, unlock: 'open', lock: undefined } },
          closed: { on: { open: 'open' } }
        }
      }),
      options: events('escape', 'lock', 'unlock', 'open')
    }
  ],
  [
    're-entry of atomic, compound and root states',
    {
      machine: createMachine({
        id: 'again',
        initial: 'box',
        on: {
          root: { target: '.box', reenter: true },
          all: '#again',
          everything: { target: '#again', reenter: true }
        },
        states: {
          box: {
            initial: 'x',
            entry: 'enter',
            on: {
              inside: '.y',
              outside: { target: '.y', reenter: true },
              self: 'box',
              anew: { target: 'box', reenter: true }
            },
            states: { x: {}, y: { on: { stay: 'y', restart: { target: 'y', reenter: true } } } }
          }
        }
      }),
      options: events('root', 'all', 'everything', 'inside', 'outside', 'self', 'anew', 'stay', 'restart')
    }
  ],
  [
    'composed guards',
    {
      machine: setup({
        types: {} as { context: { n: number }; events: { type: 'go' } | { type: 'add'; by: number } },
        guards: {
          isBig: ({ context }) => context.n > 1,
          isOdd: ({ context }) => context.n % 2 === 1,
          isOver: ({ context }, params: { limit: number }) => context.n > params.limit
        }
      }).createMachine({
        id: 'guards',
        context: { n: 0 },
        initial: 'a',
        states: {
          a: {
            on: {
              go: [
                { guard: and(['isBig', not('isOdd')]), target: 'b' },
                { guard: or(['isOdd', { type: 'isOver', params: { limit: 3 } }]), target: 'c' },
                { guard: { type: 'isOver', params: { limit: 3 } }, target: 'b' },
                { guard: { type: 'isOver', params: ({ context }) => ({ limit: context.n }) }, target: 'b' }
              ],
              add: { actions: assign({ n: ({ context, event }) => Math.min(3, context.n + event.by) }) }
            }
          },
          b: { on: { go: 'a' } },
          c: { on: { go: 'a' } }
        }
      }) as unknown as AnyStateMachine,
      options: { events: { go: [{}], add: [{ by: 1 }] } },
      dead: {
        'a: go [isOver] -> b': 'guard `isOver` was false the one time, with these payloads'
      }
    }
  ],
  [
    'actions that are enqueued',
    {
      machine: createMachine({
        id: 'queue',
        context: { n: 0 },
        initial: 'idle',
        states: {
          idle: {
            on: {
              work: {
                actions: enqueueActions(({ enqueue, check }) => {
                  enqueue.assign({ n: ({ context }: { context: { n: number } }) => (context.n + 1) % 3 });
                  if (check(({ context }) => context['n'] === 1)) enqueue.raise({ type: 'again' });
                  enqueue.spawnChild(never, { id: 'helper' });
                  enqueue.emit({ type: 'worked' });
                  enqueue({ type: 'named', params: { level: 1 } });
                })
              },
              again: { target: 'busy', actions: stopChild('helper') }
            }
          },
          busy: { entry: emit({ type: 'started' }), on: { done: 'idle' } }
        }
      } as never) as unknown as AnyStateMachine,
      options: events('work', 'done')
    }
  ],
  [
    'children that are spawned by an action and by an assignment',
    {
      machine: createMachine({
        id: 'family',
        context: { pet: null as unknown },
        initial: 'alone',
        states: {
          alone: {
            on: {
              adopt: {
                target: 'together',
                actions: assign({
                  pet: ({ spawn }) =>
                    spawn(
                      fromCallback(() => {}),
                      { id: 'pet' }
                    )
                })
              },
              hire: {
                target: 'together',
                actions: spawnChild(never, { id: 'nanny', syncSnapshot: true } as never)
              }
            }
          },
          together: {
            on: {
              'xstate.done.actor.nanny': { target: 'alone', actions: stopChild('nanny') },
              'xstate.error.actor.*': 'alone',
              'xstate.snapshot.nanny': { actions: 'look' },
              call: { actions: sendTo('pet', { type: 'come' }) },
              leave: { target: 'alone', actions: [stopChild('pet'), stopChild('nanny')] }
            }
          }
        }
      } as never) as unknown as AnyStateMachine,
      options: {
        events: { adopt: [{}], hire: [{}], leave: [{}] },
        actors: { nanny: { snapshots: [{ status: 'active' }] } }
      },
      dead: { 'together: call': 'nothing that it is for came in `together`: give payloads of call' }
    }
  ],
  [
    'messages to itself and to its parent',
    {
      machine: createMachine({
        id: 'child',
        initial: 'a',
        states: {
          a: {
            entry: [
              sendParent({ type: 'hello' }),
              sendTo(({ self }) => self, { type: 'later' }, { delay: 30 })
            ],
            on: { now: { actions: sendTo(({ self }) => self, { type: 'next' }) }, next: 'b', later: 'c' }
          },
          b: { type: 'final' },
          c: { type: 'final' }
        }
      }),
      options: events('now')
    }
  ],
  [
    'tags, meta, descriptions and outputs',
    {
      machine: createMachine({
        id: 'labelled',
        description: 'It <is> "all" & said.',
        version: '1.2.3',
        meta: { owner: 'me' },
        initial: 'a',
        states: {
          a: {
            tags: ['busy', 'shown'],
            meta: { title: 'A' },
            description: 'First',
            on: { go: { target: 'z', description: 'To the end', meta: { cost: 1 } } }
          },
          z: { type: 'final', tags: 'over', output: { ok: true } }
        },
        output: ({ event }) => event.output
      }),
      options: events('go')
    }
  ],
  [
    'two regions that want to leave at once',
    {
      machine: createMachine({
        id: 'rivals',
        initial: 'work',
        states: {
          work: {
            type: 'parallel',
            states: {
              one: { initial: 'x', states: { x: { on: { stop: '#rivals.a', next: 'y' } }, y: {} } },
              two: { initial: 'x', states: { x: { on: { stop: '#rivals.b' } } } },
              three: { on: { stop: { actions: 'note' } } }
            }
          },
          a: { on: { back: 'work' } },
          b: {}
        }
      }),
      options: events('stop', 'next', 'back')
    }
  ],
  [
    'initial transitions with actions, and an initial state below a child',
    {
      machine: createMachine({
        id: 'begin',
        initial: { target: 'a', actions: 'prepare' },
        states: {
          a: {
            initial: { target: 'x', actions: [{ type: 'warm', params: { to: 20 } }] },
            states: { x: { on: { out: '#begin.b' } } }
          },
          b: {}
        }
      }),
      options: events('out')
    }
  ],
  [
    'names with dots, blanks, quotes and other scripts',
    {
      machine: createMachine({
        id: 'my shop',
        initial: 'not ready',
        states: {
          'not ready': {
            on: { 'is "ready" now': 'lädt/слово', "it's": { actions: 'say <hello> & go' } },
            after: { 'a while': 'lädt/слово' }
          },
          'lädt/слово': { invoke: { src: 'load it', onDone: 'done!' }, on: { 'a:b#c': 'not ready' } },
          'done!': { type: 'final' }
        }
      }).provide({ delays: { 'a while': 10 }, actors: { 'load it': never } }),
      options: events('is "ready" now', "it's", 'a:b#c')
    }
  ],
  [
    'a child machine that tells its parent of its end, in two places',
    {
      machine: setup({ actors: { wizard: never } }).createMachine({
        id: 'checkout',
        initial: 'address',
        states: {
          address: { invoke: { id: 'form', src: 'wizard', onDone: 'payment', onError: 'address' } },
          payment: {
            invoke: {
              id: 'form',
              src: 'wizard',
              systemId: 'form',
              onDone: { target: 'end' },
              onError: { target: 'payment', reenter: true }
            }
          },
          end: { type: 'final' }
        }
      }) as unknown as AnyStateMachine,
      options: { events: {} }
    }
  ],
  [
    'an order of priority between children and parents',
    {
      machine: createMachine({
        id: 'priority',
        context: { isOn: false },
        initial: 'a',
        on: {
          go: { actions: 'atRoot' },
          switch: { actions: assign({ isOn: ({ context }) => !context.isOn }) }
        },
        states: {
          a: {
            initial: 'b',
            on: { go: { guard: ({ context }) => context.isOn, actions: 'inA' } },
            states: {
              b: { on: { go: { guard: ({ event }) => (event as Deep).isDeep === true, target: 'c' } } },
              c: { on: { back: 'b' } }
            }
          }
        }
      }),
      options: { events: { go: [{ isDeep: true }, {}], switch: [{}], back: [{}] } }
    }
  ],
  [
    'an error of a child that only a wildcard takes',
    {
      machine: createMachine({
        id: 'catch',
        initial: 'busy',
        states: {
          busy: { invoke: { id: 'job', src: never, onDone: 'idle' }, on: { '*': 'idle' } },
          idle: { on: { again: 'busy' } }
        }
      }),
      options: events('again', 'any')
    }
  ]
]);

function events(...types: readonly string[]): { readonly events: Record<string, object[]> } {
  return { events: Object.fromEntries(types.map((type) => [type, [{}]])) };
}
