import { guards } from '../cases/guards.ts';
import { cases } from '../cases/index.ts';

/** Runs one case once, alone in its process, and sends its figures to who started it. */
const [name = '', folder = '', serverUrl = ''] = process.argv.slice(2);
const found = Object.entries({ ...cases, ...guards }).find(([key]) => key === name)?.[1];
if (found === undefined) throw new Error(`There is no case ${name}`);

const figures = await found.run({ folder, serverUrl });
// Some peers leave timers and sockets behind.
process.send?.(figures, () => process.exit());
