import { restoreAgents } from '../../agents/agentSnapshots.ts';
import { FleetError } from '../../errors.ts';
import { remedies } from './findings.ts';
import { decodeAgent } from './fleetRows.ts';
import type { RawReport, StoreFinding } from './storeReport.ts';

/** What keeps agents from being restored, each by itself. Call `loadSketches` before. */
export function agentFindings(path: string, agents: RawReport['agents']): StoreFinding[] {
  return agents.flatMap(({ fleet, rows }) =>
    rows.flatMap((cells): StoreFinding[] => {
      try {
        restoreAgents(path, [decodeAgent(cells)]);
        return [];
      } catch (error) {
        const problem =
          error instanceof FleetError ? error.message : `the snapshot of agent ${cells[0]} is no JSON`;
        return [{ kind: 'agent', fleet, problem, remedy: remedies.agent }];
      }
    })
  );
}
