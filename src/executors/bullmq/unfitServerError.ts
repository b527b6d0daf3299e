import { FleetError } from '../../errors.ts';
import { escapeControls } from '../../validation/show.ts';

/** Redis, or BullMQ, is not there or is not fit for a fleet: the message says what to do. Nothing was written. */
export class UnfitServerError extends FleetError {
  readonly code = 'ERR_UNFIT_SERVER';

  /** Where it was looked for, without a password. */
  readonly server: string;

  constructor(server: string, reason: string, options?: ErrorOptions) {
    super(`${escapeControls(server)} cannot be used: ${escapeControls(reason)}`, options);
    this.server = server;
  }
}
