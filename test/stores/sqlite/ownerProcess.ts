// The owner of a store, as a process of its own: commits what it is told, and then holds on.
import { sqliteStore } from '../../../src/stores/sqlite.ts';
import { commitOf, taskOf } from '../rows.ts';

const [path = '', owner = ''] = process.argv.slice(2);
const store = sqliteStore(path);
await store.open('fleet-1', owner);
await store.commit(commitOf('fleet-1', 1, { newTasks: [taskOf(1)] }));
process.stdout.write('committed\n');
// An open store alone does not keep a process alive.
process.stdin.resume();
