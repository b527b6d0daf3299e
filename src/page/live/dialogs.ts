/** What the reader is asked. */
export interface Question {
  readonly title: string;
  readonly text: string;
  readonly confirm: string;
  readonly isDangerous: boolean;
  /** A text is asked for, and not shown while it is typed; else it is a matter of yes or no. */
  readonly isSecret: boolean;
}

export interface OpenQuestion extends Question {
  readonly id: number;
  /** `null`: no. */
  readonly answer: (text: string | null) => void;
}

/** Questions to the reader, one after the other. */
export class Dialogs {
  readonly #onChange: (open: OpenQuestion | null) => void;
  #last: Promise<unknown> = Promise.resolve();
  #id = 0;

  constructor(onChange: (open: OpenQuestion | null) => void) {
    this.#onChange = onChange;
  }

  /** @returns What was typed, empty for a plain yes; `null`: no. */
  ask(question: Question): Promise<string | null> {
    const asked = this.#last.then(() => this.#show(question));
    this.#last = asked;
    return asked;
  }

  #show(question: Question): Promise<string | null> {
    return new Promise((resolve) => {
      this.#id += 1;
      const answer = (text: string | null) => {
        this.#onChange(null);
        resolve(text);
      };
      this.#onChange({ ...question, id: this.#id, answer });
    });
  }
}
