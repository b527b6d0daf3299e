import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { signalTree } from '../../test/servers/processTree.ts';
import { compiledModule } from '../compiled.ts';
import type { FromProcess, ProcessPlan } from './plans.ts';
import type { LinkName, Member } from './world.ts';
import type { TcpProxy } from './tcpProxy.ts';

/** A process of a cycle, in the hands of the harness. It ends with the harness. */
export class NodeProcess implements Member {
  readonly role: ProcessPlan['role'];
  readonly pid: number;
  readonly links: ReadonlyMap<LinkName, TcpProxy>;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #said = new Set<FromProcess['type']>();
  #pulses = 0;
  #ownsSince: number | null = null;
  #isFrozen = false;
  /** Whether it was asked to end. */
  #isTerminated = false;
  #stderr = '';

  /** @param env - Beside what this process has. */
  constructor(
    plan: ProcessPlan,
    env: Readonly<Record<string, string>>,
    links: ReadonlyMap<LinkName, TcpProxy> = new Map()
  ) {
    this.role = plan.role;
    this.links = links;
    const module = compiledModule(new URL('process/main.ts', import.meta.url));
    this.#child = fork(module, [JSON.stringify(plan)], {
      execArgv: [],
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc']
    });
    this.pid = this.#child.pid!;
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    this.#child.on('message', ({ type }: FromProcess) => {
      this.#said.add(type);
      if (type === 'pulse') this.#pulses += 1;
      if (type === 'started') this.#ownsSince = performance.now();
      if (type === 'fenced') this.#ownsSince = null;
    });
    this.ended = once(this.#child, 'exit').then(() => {});
  }

  /** How often its event loop has turned, as far as it told: it stands still while the process has no processor. */
  get pulses(): number {
    return this.#pulses;
  }

  /** When a manager took its fleet over, as far as it told and nobody took it away; `null`: it stands by. */
  get ownsSince(): number | null {
    return this.#ownsSince;
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Alive, and not stopped by a signal. */
  get isRunning(): boolean {
    return this.isAlive && !this.#isFrozen;
  }

  /** Why it ended though nobody ended it; `null`: it has not. SIGKILL comes from a fault, or from a task that is to do that. */
  get failure(): string | null {
    const { exitCode, signalCode } = this.#child;
    if (this.isAlive || exitCode === 0 || signalCode === 'SIGKILL') return null;
    // Before it listened for the signal it had begun nothing.
    if (this.#isTerminated && signalCode === 'SIGTERM') return null;
    return `the ${this.role} ended by itself (${exitCode ?? signalCode}): ${this.#stderr.slice(-2_000)}`;
  }

  hasSaid(type: FromProcess['type']): boolean {
    return this.#said.has(type);
  }

  /** With what it has started. */
  async kill(): Promise<void> {
    if (!this.isAlive) return;
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  /** Asks it to end in order. */
  terminate(): void {
    if (!this.isAlive) return;
    this.#isTerminated = true;
    this.#child.kill('SIGTERM');
  }

  /** With what it has started. */
  freeze(): void {
    if (!this.isAlive) return;
    this.#isFrozen = true;
    signalTree(this.pid, 'SIGSTOP');
  }

  thaw(): void {
    if (!this.#isFrozen || !this.isAlive) return;
    this.#isFrozen = false;
    signalTree(this.pid, 'SIGCONT');
  }
}
