import type { Recording } from '../recording/recording.ts';

/** Where `replay.html` takes its recording. */
export const recordingMarker = '<!-- recording -->';

/**
 * A page that replays `recording`: one html file that needs no server and loads nothing.
 *
 * No text of the recording can end the script element that it is in, or begin another: `<` is escaped throughout.
 *
 * @param replayHtml - `PageAssets.replayHtml`.
 * @throws {Error} when `replayHtml` has no place for a recording.
 */
export function embedRecording(replayHtml: string, recording: Recording): string {
  const at = replayHtml.indexOf(recordingMarker);
  if (at === -1) throw new Error(`There is no ${recordingMarker} in the page: make it anew by npm run build`);
  // Not String.replace, for which `$&` in a recording would mean something.
  return `${replayHtml.slice(0, at)}<script type="application/json" id="recording">${safeJson(recording)}</script>${replayHtml.slice(at + recordingMarker.length)}`;
}

function safeJson(recording: Recording): string {
  return JSON.stringify(recording)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
}
