import { Name } from './name.tsx';

/** Longer ones are cut, as in {@link Name}. */
const longest = 160;

/** The key of a task, `batch/task`. Where there is no room for all of it, the batch gives way: its tasks differ in the rest. */
export function TaskKey({ text }: { text: string }) {
  const split = text.indexOf('/') + 1;
  if (split === 0) return <Name text={text} />;
  return (
    <bdi class="name key" title={text.slice(0, 1_000)}>
      <bdi>{text.slice(0, Math.min(split, longest))}</bdi>
      <bdi>{text.slice(split, split + longest)}</bdi>
    </bdi>
  );
}
