/** What the server said no to, in its words. */
export class RefusedError extends Error {
  readonly code: string;
  /** HTTP status. */
  readonly status: number;

  constructor(message: string, code: string, status: number) {
    super(message);
    this.name = 'RefusedError';
    this.code = code;
    this.status = status;
  }
}

/** Asks the reader for the token; `null`: they would rather not. @param problem - Why the last one was no good. */
export type AskForToken = (problem: string | null) => Promise<string | null>;

/**
 * Talks to the server that the page came from.
 *
 * Where the server wants a token, asks for it, trades it for a cookie, and tries again: the token itself is not kept.
 */
export class FleetClient {
  readonly #askForToken: AskForToken;
  #asking: Promise<boolean> | null = null;

  constructor(askForToken: AskForToken) {
    this.#askForToken = askForToken;
  }

  /** @throws {RefusedError} @throws {TypeError} when the server is not there. */
  get(path: string): Promise<unknown> {
    return this.#send(path, { method: 'GET' });
  }

  /** @throws {RefusedError} @throws {TypeError} when the server is not there. */
  post(path: string, body: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    return this.#send(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body)
    });
  }

  async #send(path: string, request: RequestInit): Promise<unknown> {
    const answer = await fetch(path, request);
    if (answer.status !== 401) return read(answer);
    if (!(await this.#openSession())) return read(answer);
    return read(await fetch(path, request));
  }

  /** However many requests want a token at once, it is asked for once. @returns Whether there is a session now. */
  #openSession(): Promise<boolean> {
    this.#asking ??= this.#askUntilRight().finally(() => (this.#asking = null));
    return this.#asking;
  }

  async #askUntilRight(): Promise<boolean> {
    let problem: string | null = null;
    for (;;) {
      const token = await this.#askForToken(problem);
      if (token === null) return false;
      const answer = await fetch('/api/session', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ token })
      });
      if (answer.ok) return true;
      problem = await read(answer).then(
        () => null,
        (error: unknown) => messageOf(error)
      );
    }
  }
}

/** What to tell the reader of an error. */
export function messageOf(error: unknown): string {
  if (error instanceof RefusedError) return error.message;
  if (error instanceof TypeError) return 'The fleet cannot be reached';
  return String(error);
}

async function read(answer: Response): Promise<unknown> {
  const body = (await answer.json().catch(() => null)) as {
    error?: { code?: unknown; message?: unknown };
  } | null;
  if (answer.ok) return body;
  const { code, message } = body?.error ?? {};
  throw new RefusedError(
    typeof message === 'string' ? message : `The server answered ${answer.status}`,
    typeof code === 'string' ? code : `HTTP_${answer.status}`,
    answer.status
  );
}
