import type { Frame } from '../../src/dashboard/frame.ts';
import { busyFrame, frameStart } from './frames.ts';

/** What somebody may have called a task, to have a script of theirs run by whoever looks at it: each would set `ran`. */
export const hostileTexts: readonly string[] = [
  '<script>ran=1</script>',
  '</script><script>ran=1</script>',
  '<!--<script>ran=1</script>-->',
  '<img src=x onerror=ran=1>',
  '"><svg onload=ran=1>',
  "' onmouseover='ran=1",
  'javascript:ran=1',
  '<iframe srcdoc="<script>parent.ran=1</script>"></iframe>',
  '</title></style></textarea><script>ran=1</script>',
  '<math><mtext><style><img src=x onerror=ran=1>',
  '{{constructor.constructor("ran=1")()}}',
  '${ran=1}',
  "$&$`$'<script>ran=1</script>",
  '\u2028ran=1\u2029ran=1',
  '\u202Egnp.exe<script>ran=1</script>',
  '\u0000\u001B]8;;javascript:ran=1\u0007',
  '__proto__',
  'constructor',
  '%3Cscript%3Eran=1%3C/script%3E/../..',
  `<b>${'x'.repeat(10_000)}`,
  '💥'.repeat(300)
];

/** Each of them wherever a name or a message may be. */
export const hostileFrame: Frame = {
  ...busyFrame(0),
  name: '</title><script>ran=1</script><img src=x onerror=ran=1>',
  active: { fleet: ['<img src=x onerror=ran=1>', '__proto__'] },
  scheduleStates: { '<script>ran=1</script>': 1 },
  batches: hostileTexts.flatMap((id) =>
    busyFrame(0)
      .batches.slice(0, 1)
      .map((batch) => ({ ...batch, id, metadata: id }))
  ),
  workers: hostileTexts.map((id) => ({
    id,
    state: id,
    taskIds: [id],
    tags: [id],
    problem: id,
    completed: 0,
    failed: 1
  })),
  lostWorkers: hostileTexts.map((id) => ({
    id,
    problem: id,
    tags: [id],
    completed: 0,
    failed: 1,
    at: frameStart
  })),
  failures: hostileTexts.map((text) => ({
    key: text,
    taskId: text,
    batchId: text,
    type: text,
    status: text,
    error: text,
    attempts: 1,
    workerId: text,
    at: frameStart
  }))
};
