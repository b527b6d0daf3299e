import { factTypes, type FleetFact } from '../../machines/fleetFact.ts';
import { assertOneOf, assertText, readItems, readOptions } from '../validation/validation.ts';

/** Which facts an event stream gives. */
export interface EventFilter {
  readonly batchId?: string;
  readonly types?: readonly FleetFact['type'][];
}

/** Facts that an unread stream holds; when one more comes, the oldest is dropped. */
const maxUnread = 10_000;

/** Facts as they come, from the moment the stream is made until its reader returns. */
export class EventStream implements AsyncIterableIterator<FleetFact, void, undefined> {
  readonly #filter: EventFilter;
  readonly #subscription: Disposable;
  readonly #unread: FleetFact[] = [];
  /** Reads that wait for a fact, first come, first served. */
  readonly #readers: ((result: IteratorResult<FleetFact, void>) => void)[] = [];
  #isOver = false;

  /** @throws {ValidationError} */
  constructor(filter: EventFilter, subscribe: (listener: (fact: FleetFact) => void) => Disposable) {
    const { batchId, types } = readOptions('filter', filter, ['batchId', 'types']);
    if (batchId !== undefined) assertText('filter.batchId', batchId);
    const listed = types === undefined ? undefined : readItems('filter.types', types, factTypes.length);
    for (const [index, type] of (listed ?? []).entries()) {
      assertOneOf(`filter.types[${index}]`, type, factTypes);
    }
    this.#filter = {
      ...(batchId !== undefined && { batchId }),
      ...(listed !== undefined && { types: listed as FleetFact['type'][] })
    };
    this.#subscription = subscribe((fact) => this.#take(fact));
  }

  next(): Promise<IteratorResult<FleetFact, void>> {
    const fact = this.#unread.shift();
    if (fact !== undefined) return Promise.resolve({ done: false, value: fact });
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  return(): Promise<IteratorResult<FleetFact, void>> {
    this.#isOver = true;
    this.#subscription[Symbol.dispose]();
    this.#unread.length = 0;
    for (const resolve of this.#readers.splice(0)) resolve({ done: true, value: undefined });
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(fact: FleetFact): void {
    const { batchId, types } = this.#filter;
    if (types !== undefined && !types.includes(fact.type)) return;
    if (batchId !== undefined && !('batchId' in fact && fact.batchId === batchId)) return;
    const reader = this.#readers.shift();
    if (reader !== undefined) reader({ done: false, value: fact });
    else if (this.#unread.push(fact) > maxUnread) this.#unread.shift();
  }
}
