import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A worker process. */
export interface Member {
  readonly pid: number;
  /** As the fleet knows it: more than one where it stood still for so long that it was taken for gone, and came back. */
  readonly workerIds: readonly string[];
}

const script = fileURLToPath(new URL('worker.ts', import.meta.url));
/** What a worker has to end what it runs, ms. Without Redis it would wait for it. */
const drainMs = 5_000;

/** Processes of worker.ts that serve one fleet. */
export class Crew implements AsyncDisposable {
  readonly #processes: readonly ChildProcess[];
  readonly members: readonly Member[];

  private constructor(processes: readonly ChildProcess[]) {
    this.#processes = processes;
    this.members = processes.map(memberOf);
  }

  /**
   * Starts so many and resolves when all have joined.
   *
   * @throws {Error} when one ends instead.
   */
  static async start(count: number, redis: string, fleet: string): Promise<Crew> {
    const processes = Array.from({ length: count }, () => fork(script, ['--redis', redis, '--fleet', fleet]));
    const crew = new Crew(processes);
    await Promise.all(processes.map(joined));
    return crew;
  }

  /** The process that the fleet knows under an id. */
  memberOf(workerId: string): Member | undefined {
    return this.members.find(({ workerIds }) => workerIds.includes(workerId));
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

function memberOf(child: ChildProcess): Member {
  const workerIds: string[] = [];
  child.on('message', (workerId) => workerIds.push(workerId as string));
  return { pid: child.pid!, workerIds };
}

async function joined(child: ChildProcess): Promise<void> {
  const hasJoined = await Promise.race([
    once(child, 'message').then(() => true),
    once(child, 'exit').then(() => false)
  ]);
  if (!hasJoined) throw new Error('A worker ended before it had joined');
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const kill = setTimeout(() => child.kill('SIGKILL'), drainMs);
  await exited;
  clearTimeout(kill);
}
