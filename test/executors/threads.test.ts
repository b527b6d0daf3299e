import { threads } from '../../src/executors/threads.ts';
import { describeExecutor } from './contract.ts';
import { describeIsolation } from './isolation.ts';

const module = new URL('handlers.ts', import.meta.url);

describeExecutor('threads', (options) => threads({ module, ...options }), { endsHandlers: true });
describeIsolation('threads', threads);
