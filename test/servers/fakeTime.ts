import { findFile, ServerUnavailableError, type ProgramOptions } from './program.ts';

/** Where Debian has the library, by architecture. */
const folders = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map((name) => `/usr/lib/${name}/faketime`);

/**
 * What a process needs in its environment, so that it reads another time of day. Its monotonic clock stays the machine's, as
 * on a machine whose clock is set wrongly; the processes that it starts have the same time.
 *
 * @param shift - As `faketime` takes it: `-1d`, `+1d`, `+0 x1.5` for a clock that is half as fast again.
 * @throws {ServerUnavailableError} where there is no libfaketime.
 */
export async function fakeTime(
  shift: string,
  options: Pick<ProgramOptions, 'mayFetch'> = {}
): Promise<Readonly<Record<string, string>>> {
  const library = await findFile('libfaketime.so.1', { folders, debianPackage: 'libfaketime', ...options });
  return {
    LD_PRELOAD: library,
    FAKETIME: shift,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1'
  };
}

/** Why no process can have another time of day here, in words for a report; `null`: it can. */
export async function noFakeTime(): Promise<string | null> {
  try {
    await fakeTime('+0');
    return null;
  } catch (error) {
    if (!(error instanceof ServerUnavailableError)) throw error;
    return error.message;
  }
}
