import { rm } from 'node:fs/promises';
import type { Server, ServerProcess } from './serverProcess.ts';

export interface ControlledServerOptions {
  readonly url: string;
  readonly version: string;
  /** All that it keeps. Removed at its end. */
  readonly folder: string;
  /** Within the folder: what it keeps for its clients. */
  readonly data: string;
  /** Makes the data of a server that has none. */
  readonly create: () => Promise<void>;
  /** Starts it on its data. */
  readonly launch: () => Promise<ServerProcess>;
}

/** A server whose process comes and goes, on one port and one folder. */
export class ControlledServer implements Server {
  readonly url: string;
  readonly version: string;
  readonly #options: ControlledServerOptions;
  #process: ServerProcess;
  #stopped: Promise<void> | undefined;

  private constructor(options: ControlledServerOptions, process: ServerProcess) {
    this.url = options.url;
    this.version = options.version;
    this.#options = options;
    this.#process = process;
  }

  /** @throws {Error} when it does not start; its folder is removed then. */
  static async start(options: ControlledServerOptions): Promise<ControlledServer> {
    try {
      await options.create();
      return new ControlledServer(options, await options.launch());
    } catch (error) {
      await rm(options.folder, { recursive: true });
      throw error;
    }
  }

  stop(): Promise<void> {
    return (this.#stopped ??= this.#process
      .stop()
      .then(() => rm(this.#options.folder, { recursive: true, force: true })));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  kill(): Promise<void> {
    return this.#process.kill();
  }

  freeze(): void {
    this.#process.signal('SIGSTOP');
  }

  thaw(): void {
    this.#process.signal('SIGCONT');
  }

  async restart({ isEmpty = false }: { readonly isEmpty?: boolean } = {}): Promise<void> {
    const { data, create, launch } = this.#options;
    await this.#process.kill();
    if (isEmpty) {
      await rm(data, { recursive: true });
      await create();
    }
    this.#process = await launch();
  }
}
