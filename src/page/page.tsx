import { render } from 'preact';
import type { Recording } from '../recording/recording.ts';
import { LivePage } from './live/livePage.tsx';
import { ReplayPage } from './replay/replayPage.tsx';

const root = document.querySelector('#page');
const embedded = document.querySelector('#recording');
const isReplay = document.documentElement.hasAttribute('data-replay');

if (root !== null) render(pageFor(), root);

function pageFor() {
  if (!isReplay) return <LivePage />;
  if (embedded === null) return <p class="waiting">There is no recording in this page.</p>;
  return <ReplayPage recording={JSON.parse(embedded.textContent ?? '') as Recording} />;
}
