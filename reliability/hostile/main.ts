// Throws hostile inputs at the API, over both stores, and at the reader of task files.
import { readOptions } from '../options.ts';
import { hostileRun } from './hostileRun.ts';
import { formatReport } from './report.ts';

const report = await hostileRun(readOptions('hostile', 'count', 100_000));
process.stdout.write(`${formatReport(report)}\n`);
process.exitCode = report.violations.length === 0 ? 0 : 1;
