import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { recordingText } from '../../src/cli/recordingText.ts';
import { taskLife, taskLifeText } from '../../src/cli/taskLife.ts';
import { checkRecording } from '../../src/index.ts';
import { summarizeRecording } from '../../src/recording/recordingSummary.ts';
import { textOf } from './files.ts';

const page = readFileSync('docs/recording.md', 'utf8');

/** How each is made anew, where a chart was changed on purpose. */
const commands: Readonly<Record<string, string>> = {
  'docs/recordings/flaky-downloads.fleetlog':
    'npx tsx examples/flaky-downloads/main.ts docs/recordings/flaky-downloads.fleetlog',
  'docs/recordings/license-audit.fleetlog':
    'rm -rf .fleet && npm start -- --record --workers 4 && cp .fleet/license-audit.fleetlog docs/recordings'
};

describe.each(Object.entries(commands))('%s', (path, command) => {
  it('is what the machines of today do', async () => {
    const { isSound, difference, replayedSteps } = await checkRecording(path);
    expect(replayedSteps).toBeGreaterThan(50);
    expect({ isSound, difference }, `${path} differs from the charts. If that is meant: ${command}`).toEqual({
      isSound: true,
      difference: null
    });
  });

  it('names no folder of a machine', async () => {
    expect(await textOf(path)).not.toMatch(/(^|[^\w.-])\/(home|root|tmp|usr|var|Users|work)\b|[A-Z]:\\/);
  });
});

it.each<[what: string, text: () => Promise<string>]>([
  [
    'replay docs/recordings/flaky-downloads.fleetlog',
    async () => recordingText(await summarizeRecording('docs/recordings/flaky-downloads.fleetlog'))
  ],
  [
    'replay docs/recordings/flaky-downloads.fleetlog --task map-4.png',
    async () => taskLifeText(await taskLife('docs/recordings/flaky-downloads.fleetlog', 'map-4.png'))
  ]
])('docs/recording.md shows what `%s` prints', async (_, text) => {
  expect(page).toContain(withoutBlanks(await text()));
});

/** Those at the ends of lines, which nobody writes. */
function withoutBlanks(text: string): string {
  return text.replaceAll(/ +$/gm, '');
}
