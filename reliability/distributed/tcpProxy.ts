import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Line } from './proxiedLine.ts';

export type Direction = 'toServer' | 'toClient';

/** Ports of links, below those that systems give to outgoing connections: nobody else takes one while its link refuses. */
const [firstPort, lastPort] = [20_000, 32_000];
const takenPorts = new Set<number>();

/** What a link does to what passes it. One object for all its connections, read at each chunk. */
export interface LinkFault {
  /** How much later everything arrives, ms, each way. */
  delayMs: number;
  /** Each way and connection; `null`: as fast as can be. */
  bytesPerSecond: number | null;
  /** What goes there disappears, and its sender hears nothing of that. */
  readonly swallows: Set<Direction>;
  /** What goes there waits: a partition that TCP gets over once it ends. */
  readonly holds: Set<Direction>;
}

/**
 * A link between processes that can be made bad, and whole again: equipment of tests, on the loopback address.
 *
 * Its port stays the same. Whatever the link does, it never changes bytes or their order: a connection that has lost some is
 * cut when the link heals, as no TCP would go on with it.
 */
export class TcpProxy implements AsyncDisposable {
  readonly port: number;
  readonly #target: number;
  readonly #lines = new Set<Line>();
  readonly #fault: LinkFault = { delayMs: 0, bytesPerSecond: null, swallows: new Set(), holds: new Set() };
  /** `null`: connections are refused. */
  #listener: Server | null;

  private constructor(target: number, listener: Server) {
    this.#target = target;
    this.#listener = listener;
    this.port = (listener.address() as AddressInfo).port;
    this.#accept(listener);
  }

  /** @param target - Port of the loopback address that connections are passed on to. */
  static async to(target: number): Promise<TcpProxy> {
    for (;;) {
      const port = randomInt(firstPort, lastPort);
      if (takenPorts.has(port)) continue;
      takenPorts.add(port);
      try {
        return new TcpProxy(target, await listening(port));
      } catch (error) {
        // It stays out of use here: another process has it.
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      }
    }
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#lines.size;
  }

  /** Whether one of them has lost something: it looks alive, and waits for ever. */
  get hasLost(): boolean {
    return [...this.#lines].some(({ hasLost }) => hasLost);
  }

  /** What is sent from now on arrives so much later, ms. */
  delay(ms: number): void {
    this.#fault.delayMs = ms;
  }

  throttle(bytesPerSecond: number): void {
    this.#fault.bytesPerSecond = bytesPerSecond;
  }

  /** What goes one way disappears, while the connection stays and the other way is open: half a partition. */
  drop(direction: Direction): void {
    this.#fault.swallows.add(direction);
  }

  /** What goes one way waits until the link heals, and arrives then: late messages. */
  hold(direction: Direction): void {
    this.#fault.holds.add(direction);
    for (const line of this.#lines) line.holdOrResume();
  }

  /** Ends all connections with a reset. New ones are taken. */
  cut(): void {
    for (const line of this.#lines) line.cut();
  }

  /** New connections are refused, those that are there stay. */
  refuse(): void {
    this.#listener?.close();
    this.#listener = null;
  }

  /** Everything passes again, what was held first. Connections that have lost something are cut. */
  async heal(): Promise<void> {
    Object.assign(this.#fault, { delayMs: 0, bytesPerSecond: null });
    this.#fault.swallows.clear();
    this.#fault.holds.clear();
    for (const line of this.#lines) {
      if (line.hasLost) line.cut();
      else line.holdOrResume();
    }
    if (this.#listener === null) this.#accept((this.#listener = await listening(this.port)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const listener = this.#listener;
    this.refuse();
    this.cut();
    if (listener?.listening) await once(listener, 'close');
    takenPorts.delete(this.port);
  }

  #accept(listener: Server): void {
    listener.on('connection', (client: Socket) => {
      const line = new Line(client, connect(this.#target, '127.0.0.1'), this.#fault, () =>
        this.#lines.delete(line)
      );
      this.#lines.add(line);
    });
  }
}

async function listening(port: number): Promise<Server> {
  const listener = createServer({ noDelay: true, allowHalfOpen: true }).listen(port, '127.0.0.1');
  await once(listener, 'listening');
  return listener;
}
