// A process with an executor, one of whose handlers blocks its own process.
import { processes } from '../../src/executors/processes.ts';
import { attemptOf, RecordedReports } from './reports.ts';

const executor = processes({ module: new URL('handlers.ts', import.meta.url) });
const reports = new RecordedReports();
await executor.start(reports);
await executor.startWorker('w1');
executor.dispatch([attemptOf(1, 'block')]);
await reports.first('progress', 1);
process.stdout.write('blocked\n');
