import { ListenError } from '../errors.ts';
import type { FleetManager } from '../fleetManager.ts';
import { UsageError } from './failure.ts';

const defaultPort = 4400;
/** Holds the token, for those who know it before, or whose output is kept. */
const tokenVariable = 'XSTATE_FLEET_TOKEN';

/**
 * Serves the live page of a run, and says where it is.
 *
 * A token that was made is shown on a terminal alone: other output may be a log.
 *
 * @param port - `true`: the default one.
 */
export async function openPage(
  fleet: FleetManager,
  port: number | true,
  note: (line: string) => void
): Promise<void> {
  const given = process.env[tokenVariable];
  const options = { port: port === true ? defaultPort : port, ...(given !== undefined && { token: given }) };
  const { url, token } = await fleet.serve(options).catch((error: unknown) => {
    if (!(error instanceof ListenError)) throw error;
    throw new UsageError(`${error.message} (--ui <port>)`);
  });
  note(`Live page: ${url}`);
  if (given !== undefined) return note(`Its token is that of ${tokenVariable}.`);
  note(process.stderr.isTTY ? `Its token: ${token}` : `Set ${tokenVariable} to use its buttons.`);
}
