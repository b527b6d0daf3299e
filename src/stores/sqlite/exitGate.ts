/** Who may pass: nobody has, the thread has, the process ends. */
const state = { idle: 0, busy: 1, closed: 2 } as const;

/** Longest wait for a call at the end of the process, ms. A call that takes longer is cut off. */
const longestWaitMs = 10_000;

const gates = new Set<ExitGate>();

/**
 * Keeps the end of the process and a call in the thread apart.
 *
 * `process.exit` ends threads wherever they are, and a native addon that is ended in the middle of a call aborts
 * the process. So the thread passes the gate for each call, and the end of the process waits for the call under
 * way and lets no other begin.
 */
export class ExitGate {
  /** Shared by both sides. */
  readonly memory: Int32Array<SharedArrayBuffer>;

  constructor(memory = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))) {
    this.memory = memory;
  }

  /** In the thread: runs a call, or nothing when the process ends. */
  pass(call: () => void): void {
    if (Atomics.compareExchange(this.memory, 0, state.idle, state.busy) === state.closed) return;
    try {
      call();
    } finally {
      Atomics.store(this.memory, 0, state.idle);
      Atomics.notify(this.memory, 0);
    }
  }

  /** In the process: closes the gate when the process exits, until it is released. */
  guardExit(): void {
    if (gates.size === 0) process.on('exit', closeGates);
    gates.add(this);
  }

  release(): void {
    gates.delete(this);
    if (gates.size === 0) process.off('exit', closeGates);
  }

  close(): void {
    const found = Atomics.compareExchange(this.memory, 0, state.idle, state.closed);
    if (found !== state.busy) return;
    Atomics.wait(this.memory, 0, state.busy, longestWaitMs);
    Atomics.compareExchange(this.memory, 0, state.idle, state.closed);
  }
}

function closeGates(): void {
  for (const gate of gates) gate.close();
}
