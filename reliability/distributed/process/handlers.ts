import { setTimeout as sleep } from 'node:timers/promises';
import type { HandlerContext } from '../../../src/handlers/handler.ts';
import { wedged, type Kind } from '../workload.ts';
import { Witness } from '../witness.ts';

const witness = new Witness(process.env['WITNESS_FOLDER']!);

type Deed = (n: number, context: HandlerContext) => Promise<void> | void;

const deeds: Readonly<Record<Kind, Deed>> = {
  quick: (n, { signal }) => sleep(n % 20, undefined, { signal }),
  slow: (n, { signal }) => sleep(50 + ((n * 37) % 100), undefined, { signal }),
  flaky(_, { attempt }) {
    if (attempt === 1) throw new Error('fails at first');
  },
  deadly: () => void process.kill(process.pid, 'SIGKILL'),
  wedged: (_, { attempt }) => sleep(attempt === 1 ? wedged.firstMs : 1),
  rare: (n, { signal }) => sleep(n % 20, undefined, { signal })
};

/** Each says that it began, and how it was left. It returns its attempt, by which one sees whose outcome counted. */
export const handlers = Object.fromEntries(
  Object.entries(deeds).map(([kind, deed]) => [kind, witnessed(deed)])
);

function witnessed(deed: Deed) {
  return async ({ n }: { readonly n: number }, context: HandlerContext): Promise<number> => {
    const { key, attempt } = context;
    const leave = (how: 'done' | 'failed' | 'aborted'): void =>
      witness.tell({ type: 'left', key, attempt, how });
    witness.tell({ type: 'began', key, attempt });
    try {
      await deed(n, context);
    } catch (error) {
      leave(context.signal.aborted ? 'aborted' : 'failed');
      throw error;
    }
    leave('done');
    return attempt;
  };
}
