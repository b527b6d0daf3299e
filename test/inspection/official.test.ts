import { createServer, type AddressInfo } from 'node:net';
import {
  createInspector,
  createWebSocketInspector,
  createWebSocketReceiver,
  type StatelyActorEvent,
  type StatelyInspectionEvent
} from '@statelyai/inspect';
import { createInspectorServer } from '@statelyai/inspect/server';
import { createMachine, type AnyStateMachine, type AnyStateNode } from 'xstate';
import { describe, expect, it } from 'vitest';
import {
  autoscalerMachine,
  batchMachine,
  coordinatorMachine,
  fleetMachine,
  scheduleMachine,
  taskMachine,
  workerMachine
} from '../../machines/index.ts';
import { gate, settled, startFleet } from '../harness.ts';

type InspectorOptions = NonNullable<Parameters<typeof createInspector>[1]>;

const secret = 'card 4711';
const machines: readonly (readonly [name: string, machine: AnyStateMachine])[] = [
  ['fleet', fleetMachine],
  ['coordinator', coordinatorMachine],
  ['autoscaler', autoscalerMachine],
  ['worker-1', workerMachine],
  ['task:monday/a', taskMachine],
  ['batch:monday', batchMachine],
  ['schedule:hourly', scheduleMachine]
];

describe('the official inspector', () => {
  it.each(machines)('is given the whole chart of %s', async (name, machine) => {
    const events = await inspected({ serializationDepthLimit: 20 });
    const { definition } = actorEvent(events, name);
    expect(chartOf(definition)).toEqual(nodesOf(machine.root));
  });

  it.each([
    [10, false],
    [12, false],
    [13, true]
  ])('with serializationDepthLimit %i is given all charts whole: %s', async (depth, isWhole) => {
    const events = await inspected({ serializationDepthLimit: depth });
    const areWhole = machines.map(([name]) => !actorEvent(events, name).definition!.includes('"[Object]"'));
    expect(areWhole.every(Boolean)).toBe(isWhole);
  });

  it('cuts the chart of the fleet by its default', async () => {
    const events = await inspected({});
    expect(actorEvent(events, 'fleet').definition).toContain('"[Object]"');
  });

  it.each(machines)('is given snapshots of %s, the last of which has ended', async (name, { id }) => {
    const events = await inspected({ serializationDepthLimit: 20 });
    const { sessionId, rootId } = actorEvent(events, name);
    const snapshots = events.filter(
      (event) => event.type === '@xstate.snapshot' && event.sessionId === sessionId
    );
    expect(snapshots.length).toBeGreaterThan(1);
    expect(snapshots.every((event) => event.rootId === rootId)).toBe(true);
    const { status } = (snapshots.at(-1) as { snapshot: { status: string } }).snapshot;
    expect(status).toMatch(id === 'task' || id === 'batch' || id === 'fleet' ? /done/ : /stopped|done/);
  });

  it('is given the children of the fleet as its children', async () => {
    const events = await inspected({ serializationDepthLimit: 20 });
    const fleet = actorEvent(events, 'fleet');
    const others = machines.slice(1).map(([name]) => actorEvent(events, name).parentId);
    expect(new Set(others)).toEqual(new Set([fleet.sessionId]));
  });

  it('leaves out what its filter refuses', async () => {
    const rows = (sessionId: string) => sessionId.includes('/');
    const events = await inspected({ filter: ({ sessionId }) => rows(sessionId) }, ({ sessionId }) =>
      sessionId.endsWith('/schedule:hourly')
    );
    expect(events.length).toBeGreaterThan(0);
    expect(events.every(({ sessionId }) => rows(sessionId))).toBe(true);
  });

  it('tells data, metadata and errors of tasks, unless they are left out', async () => {
    expect(JSON.stringify(await inspected({}))).toContain(secret);
    const events = await inspected({
      sanitizeEvent: ({ type }) => ({ type }),
      sanitizeContext: () => ({})
    });
    expect(JSON.stringify(events)).not.toContain(secret);
  });

  it('reaches a receiver by its server', async () => {
    const port = await freePort();
    const server = createInspectorServer({ port, autoOpen: false });
    const url = `ws://127.0.0.1:${port}`;
    const inspector = createWebSocketInspector({
      url,
      serializationDepthLimit: 20,
      maxDeferredEvents: 10_000
    });
    const events: StatelyInspectionEvent[] = [];
    const isConnected = gate();
    const hasEnded = gate();
    createWebSocketReceiver({ server: url }).subscribe((event) => {
      events.push(event);
      isConnected.open();
      if (hasStopped(event)) hasEnded.open();
    });
    inspector.actor('somebody');
    await isConnected.promise;
    await runFleet(inspector.inspect);
    await hasEnded.promise;

    expect(chartOf(actorEvent(events, 'task:monday/a').definition)).toEqual(nodesOf(taskMachine.root));
    inspector.stop();
    server.stop();
  });
});

/** What the adapter of an inspector is given of a fleet that does a little of everything. */
async function inspected(
  options: InspectorOptions,
  isLast: (event: StatelyInspectionEvent) => boolean = hasStopped
): Promise<readonly StatelyInspectionEvent[]> {
  const events: StatelyInspectionEvent[] = [];
  let inspector: ReturnType<typeof createInspector> | null = null;
  const hasEnded = new Promise<void>((resolve) => {
    inspector = createInspector(
      {
        send(event) {
          events.push(event);
          if (isLast(event)) resolve();
        }
      },
      options
    );
  });
  await runFleet(inspector!.inspect);
  // The inspector tells of everything in a timer of its own, in order.
  await hasEnded;
  return events;
}

async function runFleet(inspect: ReturnType<typeof createInspector>['inspect']): Promise<void> {
  const { fleet, clock } = await startFleet({
    handlers: {
      echo: (data: string) => data,
      fail: (data: string) => Promise.reject(new Error(data))
    },
    config: { autoscale: { minWorkers: 1, maxWorkers: 2 }, maxRetries: 0 },
    inspect
  });
  await fleet.schedule('hourly', { everyMs: 3_600_000 }, { type: 'echo', data: '' });
  await fleet.submitBatch(
    [
      { id: 'a', type: 'echo', data: secret },
      { id: 'b', type: 'fail', data: secret }
    ],
    { batchId: 'monday', metadata: { secret } }
  );
  await clock.advance(3_600_000);
  await settled();
  await fleet.stop();
}

/** The fleet itself ends after its rows. */
function hasStopped(event: StatelyInspectionEvent): boolean {
  return (
    event.type === '@xstate.snapshot' &&
    event.sessionId === event.rootId &&
    (event.snapshot as { status: string }).status !== 'active'
  );
}

function actorEvent(events: readonly StatelyInspectionEvent[], name: string): StatelyActorEvent {
  const found = events.find((event) => event.type === '@xstate.actor' && event.name === name);
  if (found?.type !== '@xstate.actor') throw new Error(`${name} did not appear`);
  return found;
}

/** The chart that a definition describes, as XState reads it. */
function chartOf(definition: string | undefined): unknown {
  return nodesOf(createMachine(JSON.parse(definition!) as Parameters<typeof createMachine>[0]).root);
}

/** All states below one, with what leads where, by name: a definition has its keys in the order of the alphabet. */
function nodesOf(node: AnyStateNode): unknown[] {
  const transitions = [...node.transitions.values(), node.always ?? []].flat();
  const self = {
    path: node.path.join('.'),
    type: node.type,
    initial: node.type === 'compound' ? node.initial.target.map(({ key }) => key) : null,
    description: node.description,
    tags: node.tags,
    invokes: node.invoke.map(({ src }) => src),
    entry: node.entry.map(nameOf),
    exit: node.exit.map(nameOf),
    transitions: transitions
      .map((transition) => ({
        event: String(transition.eventType),
        guard: nameOf(transition.guard),
        target: transition.target?.map(({ path }) => path.join('.')),
        actions: transition.actions.map(nameOf),
        description: transition.description
      }))
      .toSorted((left, right) => (left.event < right.event ? -1 : Number(left.event > right.event)))
  };
  const children = Object.keys(node.states).toSorted();
  return [self, ...children.flatMap((key) => nodesOf(node.states[key]!))];
}

/** A reference to a guard or an action, by name. */
function nameOf(reference: unknown): unknown {
  return typeof reference === 'object' && reference !== null && 'type' in reference
    ? reference.type
    : reference;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
