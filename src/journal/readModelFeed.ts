import { addNews, createReadModel, type ModelNews, type ReadModelStore, type TurnNews } from './readModel.ts';

/**
 * Brings the read model up to date: when somebody reads it, and from the first one who may follow it on with each turn.
 *
 * To whoever looks it is always as the last turn left it. While nobody does, a turn is only noted: with 10 workers, a turn
 * of the model took a tenth of what a task costs.
 */
export class ReadModelFeed {
  readonly store: ReadModelStore = createReadModel();
  #news: ModelNews | null = null;
  #isFollowed = false;

  constructor() {
    const { store } = this;
    const read = store.getSnapshot.bind(store);
    const followed =
      <TArguments extends unknown[], TResult>(method: (...args: TArguments) => TResult) =>
      (...args: TArguments): TResult => {
        this.#isFollowed = true;
        this.#catchUp();
        return method(...args);
      };
    Object.assign(store, {
      getSnapshot: () => {
        this.#catchUp();
        return read();
      },
      // Atoms read it with `get`, also those of `select`, and are told of what they have read.
      get: followed(store.get.bind(store)),
      inspect: followed(store.inspect.bind(store)),
      subscribe: followed(store.subscribe.bind(store))
    });
  }

  /** @throws what a subscriber throws. */
  turnCommitted(news: TurnNews): void {
    this.#news = addNews(this.#news, news);
    if (this.#isFollowed) this.#catchUp();
  }

  /** @throws what a subscriber throws. */
  batchRemoved(batchId: string): void {
    this.#catchUp();
    this.store.trigger.batchRemoved({ batchId });
  }

  #catchUp(): void {
    const news = this.#news;
    this.#news = null;
    if (news !== null) this.store.trigger.turnsCommitted({ news });
  }
}
