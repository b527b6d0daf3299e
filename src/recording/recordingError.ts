import { FleetError } from '../errors.ts';

/** What is wrong with a recording: it cannot be opened, another file, of a newer version, without content, damaged, of another fleet, ended early. */
export type RecordingErrorCode =
  | 'ERR_RECORDING_IO'
  | 'ERR_RECORDING_FOREIGN'
  | 'ERR_RECORDING_VERSION'
  | 'ERR_RECORDING_EMPTY'
  | 'ERR_RECORDING_DAMAGED'
  | 'ERR_RECORDING_FLEET'
  | 'ERR_RECORDING_STOPPED';

/** A recording cannot be read, or not gone on with. The file is as it was. */
export class RecordingError extends FleetError {
  readonly code: RecordingErrorCode;

  readonly path: string;

  constructor(code: RecordingErrorCode, path: string, reason: string, options?: ErrorOptions) {
    super(`Recording ${path} ${reason}`, options);
    this.code = code;
    this.path = path;
  }
}
