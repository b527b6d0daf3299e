import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Of the files that take more than 10 s, the longest first. */
const longest = [
  'test/reliability/simulate.test.ts',
  'test/reliability/chaos.test.ts',
  'test/stores/diskFaults.test.ts',
  'test/cli/run.test.ts'
];

/**
 * The order in which files of tests are taken up, so that all processes end at nearly the same time: first those that
 * are known to be long, then those that have a process of their own, last the many small ones that share one.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.sort((left, right) => placeOf(left) - placeOf(right));
  }
}

function placeOf({ moduleId, project }: TestSpecification): number {
  const place = longest.findIndex((path) => moduleId.endsWith(path));
  if (place >= 0) return place;
  return project.config.isolate ? longest.length : longest.length + 1;
}
