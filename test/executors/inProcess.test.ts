import { inProcess } from '../../src/executors/inProcess.ts';
import { describeExecutor } from './contract.ts';
import * as handlers from './handlers.ts';

describeExecutor('inProcess', (options) => inProcess(handlers, options), { endsHandlers: false });
