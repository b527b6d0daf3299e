// A process with a fleet, in which something is thrown where nobody waits, as its argument says.
import { setImmediate as soon } from 'node:timers/promises';
import {
  FleetManager,
  submitBatchEvent,
  type HandlerContext,
  type TaskFailedError
} from '../../src/index.ts';

const [scenario = ''] = process.argv.slice(2);

/** What a handler knows of its fleet. */
const known: { fleet?: Pick<FleetManager, 'actor'> } = {};

const fleet = new FleetManager({
  handlers: {
    echo: (data: unknown) => data,
    careless: (): Promise<never> => {
      void Promise.reject(new Error('of a handler'));
      return new Promise(() => {});
    },
    chatty: (_: null, { log }: HandlerContext): Promise<never> => {
      log('a line');
      return new Promise(() => {});
    },
    sender: async () => {
      // Until the fleet rests: then the event begins a turn.
      for (let rounds = 0; rounds < 20; rounds++) await soon();
      known.fleet!.actor.send(submitBatchEvent('sent', []));
      await new Promise(() => {});
    },
    leaky: () => {
      setInterval(() => {}, 60_000).unref();
      void Promise.reject(new Error('of a handler'));
    }
  },
  config: { maxRetries: 0 },
  ...(scenario === 'rejection of a handler that may exit' && { onDetachedError: 'exit' as const })
});
known.fleet = fleet;
// A warning opens it, and what Node opens for one stays.
void process.stderr.fd;
const before = resources();
await fleet.start();

switch (scenario) {
  case 'rejection of the app':
    void Promise.reject(new Error('of the app'));
    await hold();
    break;
  case 'timer of the app':
    setTimeout(() => {
      throw new Error('of the app');
    }, 1);
    await hold();
    break;
  case 'rejection of a subscriber':
    fleet.on('task.settled', () => void Promise.reject(new Error('of a subscriber')));
    await fleet.submit('echo', 1);
    await hold();
    break;
  case 'rejection of a subscriber of logs':
    fleet.on('task.log', () => void Promise.reject(new Error('of a subscriber')));
    await fleet.submitAsync('chatty', null);
    await hold();
    break;
  case 'rejection of a subscriber of a handler’s event':
    fleet.on('batch.accepted', () => void Promise.reject(new Error('of a subscriber')));
    await fleet.submitAsync('sender', null);
    await hold();
    break;
  case 'rejection of a handler that may exit':
    await fleet.submitAsync('careless', null);
    await hold();
    break;
  case 'listener of the app': {
    const isHeard = new Promise<void>((resolve) => {
      process.on('unhandledRejection', (error: Error) => process.stdout.write(`heard ${error.message}\n`));
      process.once('uncaughtException', (error) => {
        process.stdout.write(`heard ${error.message}\n`);
        resolve();
      });
    });
    void Promise.reject(new Error('of the app'));
    await soon();
    setTimeout(() => {
      throw new Error('of the timer');
    }, 1);
    await isHeard;
    process.stdout.write(`${String(await fleet.submit('echo', 'still there'))}\n`);
    await fleet.stop();
    break;
  }
  case 'rejection that is a warning':
    void Promise.reject(new Error('of the app'));
    // Once round the loop, and once more: then it has been told.
    await soon();
    await soon();
    await fleet
      .submit('careless', null)
      .catch((error: unknown) =>
        process.stdout.write(`failed: ${(error as TaskFailedError).result.error}\n`)
      );
    await fleet.stop();
    break;
  case 'stop': {
    await fleet.submit('leaky', null);
    await soon();
    await soon();
    await fleet.stop();
    for (let rounds = 0; rounds < 20; rounds++) await soon();
    const left = resources();
    for (const kind of before) if (left.includes(kind)) left.splice(left.indexOf(kind), 1);
    process.stdout.write(`left: ${left.join() || 'nothing'}\n`);
    break;
  }
  default:
    throw new Error(`Unknown scenario ${scenario}`);
}

/** What keeps the process alive, and who listens to it. */
function resources(): string[] {
  const listeners = process
    .eventNames()
    .flatMap((event) => process.listeners(event as 'exit').map(() => String(event)));
  return [...process.getActiveResourcesInfo(), ...listeners];
}

/** Until what was thrown ends the process; where it does not, that is told. */
async function hold(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  process.stdout.write('lives\n');
  process.exit(0);
}
