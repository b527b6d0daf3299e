import type { ScheduleChange, ScheduleRow } from '../store.ts';
import type { ScheduleBook } from './scheduleBook.ts';

/** What a turn changes of the schedules, staged over the committed rows. Nothing is derived, so nothing is undone. */
export class StagedSchedules {
  readonly #book: ScheduleBook;
  readonly #changes = new Map<string, ScheduleChange>();
  #count: number;

  constructor(book: ScheduleBook) {
    this.#book = book;
    this.#count = book.size;
  }

  get(id: string): ScheduleRow | undefined {
    const change = this.#changes.get(id);
    return change === undefined ? this.#book.get(id) : (change.row ?? undefined);
  }

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** @param template - `null`: it stays as it is. */
  set(row: ScheduleRow, template: string | null): void {
    const { id } = row.context;
    if (this.get(id) === undefined) this.#count += 1;
    this.#changes.set(id, { id, row, template: template ?? this.template(id) ?? null });
  }

  remove(id: string): void {
    if (this.get(id) !== undefined) this.#count -= 1;
    this.#changes.set(id, { id, row: null, template: null });
  }

  /** The template that this turn gives it, if it does. */
  template(id: string): string | undefined {
    return this.#changes.get(id)?.template ?? undefined;
  }

  get changes(): readonly ScheduleChange[] {
    return [...this.#changes.values()];
  }

  get isEmpty(): boolean {
    return this.#changes.size === 0;
  }

  apply(): void {
    for (const { id, row } of this.#changes.values()) {
      if (row === null) this.#book.delete(id);
      else this.#book.set(row);
    }
  }
}
