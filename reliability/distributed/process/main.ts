import { pulseMs, type FromProcess, type ProcessPlan } from '../plans.ts';
import { Witness } from '../witness.ts';

/** A process of a cycle: it does what its plan says until it is killed, or its harness has gone. */
const plan = JSON.parse(process.argv[2]!) as ProcessPlan;
process.env['WITNESS_FOLDER'] = plan.witnessFolder;
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

switch (plan.role) {
  case 'manager':
    await (await import('./manager.ts')).runManager(plan, witness, say);
    break;
  case 'client':
    await (await import('./client.ts')).runClient(plan, witness);
    say({ type: 'done' });
    break;
  case 'worker':
    await (await import('./worker.ts')).runWorker(plan, witness, () => say({ type: 'started' }));
    break;
  case 'stranger':
    await (await import('./stranger.ts')).runStranger(plan, witness);
}
