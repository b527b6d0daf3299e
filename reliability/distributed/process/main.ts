import { pulseMs, type FromProcess, type ProcessPlan } from '../plans.ts';
import { Witness } from '../witness.ts';
import { runClient } from './client.ts';
import { runManager } from './manager.ts';

/** A process of a cycle: it does what its plan says until it is killed, or its harness has gone. */
const plan = JSON.parse(process.argv[2]!) as ProcessPlan;
const witness = new Witness(plan.witnessFolder);

process.once('disconnect', () => process.exit());
for (const event of ['unhandledRejection', 'uncaughtException'] as const) {
  process.on(event, (error: unknown) => {
    witness.tell({ type: 'unhandled', error: error instanceof Error ? String(error.stack) : String(error) });
    process.exit(1);
  });
}
const say = (said: FromProcess): void => void process.send?.(said, () => {});
setInterval(() => say({ type: 'pulse' }), pulseMs);

if (plan.role === 'manager') await runManager(plan, witness, () => say({ type: 'started' }));
else await runClient(plan, witness).then(() => say({ type: 'done' }));
