import { errorText } from './errorText.ts';

/** A warning of what fails and is tried again: once, until it has succeeded. */
export class Complaint {
  readonly #subject: string;
  #isOpen = false;

  constructor(subject: string) {
    this.#subject = subject;
  }

  of(error: unknown): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    process.emitWarning(`${this.#subject}, and it is tried again: ${errorText(error)}`);
  }

  isOver(): void {
    this.#isOpen = false;
  }
}
