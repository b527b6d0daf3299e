/** The part of p-queue that is measured. It is installed for the benchmark alone. */
interface Queue {
  add(task: () => Promise<void>): Promise<void>;
  onIdle(): Promise<void>;
}
type QueueConstructor = new (options: { readonly concurrency: number }) => Queue;

const peer = 'p-queue';

/** Tasks that do nothing through p-queue: no retries, no store, no ids. */
export async function pQueue(concurrency: number, tasks: number): Promise<number> {
  const { default: PQueue } = (await import(peer)) as { readonly default: QueueConstructor };
  const queue = new PQueue({ concurrency });
  let done = 0;
  for (let index = 0; index < tasks; index++) {
    void queue.add(async () => {
      done += 1;
    });
  }
  await queue.onIdle();
  return done;
}
