import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A worker and its process. */
export interface Member {
  /** As the fleet knows it. */
  readonly workerId: string;
  readonly pid: number;
}

const script = fileURLToPath(new URL('worker.ts', import.meta.url));
/** What a worker has to end what it runs, ms. Without Redis it would wait for it. */
const drainMs = 5_000;

/** Processes of worker.ts that serve one fleet. */
export class Crew implements AsyncDisposable {
  readonly #processes: readonly ChildProcess[];
  readonly members: readonly Member[];

  private constructor(processes: readonly ChildProcess[], workerIds: readonly string[]) {
    this.#processes = processes;
    this.members = processes.map(({ pid }, index) => ({ workerId: workerIds[index]!, pid: pid! }));
  }

  /**
   * Starts so many and resolves when all have joined.
   *
   * @throws {Error} when one ends instead.
   */
  static async start(count: number, redis: string, fleet: string): Promise<Crew> {
    const processes = Array.from({ length: count }, () => fork(script, ['--redis', redis, '--fleet', fleet]));
    return new Crew(processes, await Promise.all(processes.map(joined)));
  }

  /** As the kernel does where memory runs out: the process has no time to tell anybody. */
  kill(member: Member): void {
    process.kill(member.pid, 'SIGKILL');
  }

  /** Drains those that are left. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map(ended));
  }
}

async function joined(child: ChildProcess): Promise<string> {
  const message = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => null)]);
  if (message === null) throw new Error('A worker ended before it had joined');
  return message[0] as string;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const kill = setTimeout(() => child.kill('SIGKILL'), drainMs);
  await exited;
  clearTimeout(kill);
}
