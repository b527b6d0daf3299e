import { assign, fromPromise, sendTo, setup } from 'xstate';
import {
  createFleetLogic,
  FleetReader,
  NonRetryableError,
  problemOf,
  submitBatchEvent,
  type FleetFact,
  type Problem,
  type Store
} from 'xstate-fleet';

export interface Invoice {
  readonly number: string;
  readonly lines: readonly { readonly quantity: number; readonly price: number }[];
}

/** Persisted with the app's snapshot, so plain JSON only. */
interface AppContext {
  readonly batchId: string;
  readonly invoices: readonly Invoice[];
  /** How the batch ended; `null` before. */
  readonly outcome: BatchSettled['status'] | null;
  readonly statement: Statement | null;
  /** Why the fleet is gone; `null` while all is well. */
  readonly problem: Problem | null;
}

export interface Statement {
  readonly total: number;
  /** Numbers of the invoices that could not be added up, with the reason. */
  readonly rejected: readonly string[];
}

type BatchSettled = Extract<FleetFact, { type: 'batch.settled' }>;

/** One command, and the facts of the invoked fleet. */
type AppEvent = { readonly type: 'invoices.bill' } | FleetFact;

const fleetName = 'invoices';

/**
 * An app that bills invoices through a fleet of its own.
 *
 * The fleet is one more invoked actor: the app sends it an event, and is sent the facts that it waits for. The
 * app never sees a task, and its snapshot holds no more of the fleet than its name; the rest is in `store`.
 */
export function createAppMachine(store: Store) {
  return setup({
    types: {} as {
      context: AppContext;
      events: AppEvent;
      input: { readonly batchId: string; readonly invoices: readonly Invoice[] };
      children: { fleet: 'fleet' };
    },
    actors: {
      fleet: createFleetLogic({ name: fleetName, store, handlers: { addUp } }),
      readStatement: fromPromise<Statement, { batchId: string }>(({ input }) => readStatement(store, input))
    },
    guards: {
      isOurs: ({ context }, params: BatchSettled) => params.batchId === context.batchId
    },
    actions: {
      submitInvoices: sendTo('fleet', ({ context: { batchId, invoices } }) =>
        submitBatchEvent(
          batchId,
          invoices.map((invoice) => ({ id: invoice.number, type: 'addUp', data: invoice }))
        )
      ),
      recordOutcome: assign({ outcome: (_, params: BatchSettled) => params.status }),
      recordStatement: assign({ statement: (_, params: Statement) => params }),
      recordProblem: assign({ problem: (_, params: { problem: Problem | null }) => params.problem })
    }
  }).createMachine({
    id: 'app',
    context: ({ input }) => ({ ...input, outcome: null, statement: null, problem: null }),
    invoke: {
      id: 'fleet',
      src: 'fleet',
      onDone: {
        description: 'The fleet could not start, because another process has the store, say.',
        target: '.failed',
        actions: { type: 'recordProblem', params: ({ event }) => event.output }
      }
    },
    initial: 'idle',
    states: {
      idle: { on: { 'invoices.bill': 'billing' } },
      billing: {
        entry: 'submitInvoices',
        on: {
          'batch.settled': {
            guard: { type: 'isOurs', params: ({ event }) => event },
            target: 'reading',
            actions: { type: 'recordOutcome', params: ({ event }) => event }
          }
        }
      },
      reading: {
        invoke: {
          src: 'readStatement',
          input: ({ context }) => ({ batchId: context.batchId }),
          onDone: {
            target: 'done',
            actions: { type: 'recordStatement', params: ({ event }) => event.output }
          },
          onError: {
            target: 'failed',
            actions: { type: 'recordProblem', params: ({ event }) => ({ problem: problemOf(event.error) }) }
          }
        }
      },
      done: { type: 'final' },
      failed: { type: 'final' }
    }
  });
}

function addUp({ number, lines }: Invoice): { readonly total: number } {
  if (lines.length === 0) throw new NonRetryableError(`invoice ${number} has no lines`);
  return { total: lines.reduce((sum, { quantity, price }) => sum + quantity * price, 0) };
}

async function readStatement(store: Store, { batchId }: { readonly batchId: string }): Promise<Statement> {
  const results = await new FleetReader(store, fleetName).getBatchResults<{ total: number }>(batchId);
  return {
    total: results.reduce((sum, { result }) => sum + (result?.total ?? 0), 0),
    rejected: results.flatMap(({ error }) => error ?? [])
  };
}
