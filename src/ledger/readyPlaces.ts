/** What stands in a line: its neighbours in it are its own fields. */
export interface Ready<T> {
  isReady: boolean;
  readyBefore: T | null;
  readyAfter: T | null;
}

/**
 * Places of one offer that have room, least recently given a task first.
 *
 * A list through the places themselves. Each task takes one out and puts it back behind the others: a set takes four
 * times as long for that, and is made anew as often as half of its entries have gone.
 */
export class ReadyPlaces<T extends Ready<T>> {
  #first: T | null = null;
  #last: T | null = null;

  get first(): T | null {
    return this.#first;
  }

  /** Puts a place behind the others. One that is ready stays where it is. */
  add(place: T): void {
    if (place.isReady) return;
    place.isReady = true;
    place.readyBefore = this.#last;
    if (this.#last === null) this.#first = place;
    else this.#last.readyAfter = place;
    this.#last = place;
  }

  delete(place: T): void {
    if (!place.isReady) return;
    const { readyBefore, readyAfter } = place;
    if (readyBefore === null) this.#first = readyAfter;
    else readyBefore.readyAfter = readyAfter;
    if (readyAfter === null) this.#last = readyBefore;
    else readyAfter.readyBefore = readyBefore;
    place.isReady = false;
    place.readyBefore = null;
    place.readyAfter = null;
  }
}
