import { seededRun } from './seededRun.ts';

process.stdout.write(JSON.stringify(await seededRun(Number(process.argv[2]))));
