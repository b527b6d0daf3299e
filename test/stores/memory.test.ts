import { memoryStore } from '../../src/stores/memory.ts';
import { describeStore } from './contract.ts';

describeStore('memoryStore', async () => memoryStore());
