import { FleetManager } from '../../src/index.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';

/** A process of its own: `<store>`. Stands by, takes over, and runs until it is killed. It prints each of its states. */
const [path] = process.argv.slice(2);
const fleet = new FleetManager({
  name: 'f',
  store: sqliteStore(path!, { durability: 'process' }),
  standby: true,
  handlers: { double: (n: number) => Promise.resolve(2 * n) }
});
const print = (word: string): void => void process.stdout.write(`${word}\n`);
fleet.on('standby.began', () => print('standby'));
await fleet.start();
print('running');
// An idle fleet keeps no process alive.
setInterval(() => {}, 2 ** 30);
