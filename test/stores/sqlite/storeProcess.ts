// A process with a store: commits one task, says so, and then does what its argument says.
import { sqliteStore } from '../../../src/stores/sqlite.ts';
import { commitOf, range, taskOf } from '../rows.ts';

const [path = '', then = '', owner = ''] = process.argv.slice(2);
const store = sqliteStore(path);
await store.open('fleet-1', owner);
store.watchCommands('fleet-1', () => undefined);
await store.commit(commitOf('fleet-1', 1, { newTasks: [taskOf(1)] }));
process.stdout.write('committed\n');

const newTasks = range(2, 20_000).map((seq) => taskOf(seq));
switch (then) {
  case 'hold on':
    process.stdin.resume();
    break;
  case 'do nothing':
    break;
  case 'commit':
    void store.commit(commitOf('fleet-1', 2, { newTasks }));
    break;
  case 'exit in a commit':
    void store.commit(commitOf('fleet-1', 2, { newTasks }));
    // Enough for the commit to begin, and far too little for it to end.
    setTimeout(() => process.exit(3), 30);
    break;
  case 'close':
    await store.close();
    process.stdout.write(
      `open: ${process
        .getActiveResourcesInfo()
        .filter((kind) => kind !== 'PipeWrap')
        .join()}\n`
    );
    break;
  default:
    throw new Error(`Unknown argument ${then}`);
}
