import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node';

/** Says in the last lines of a run which tests did not run, and why. Nothing where all of them did. */
export default class NotRun implements Reporter {
  #vitest: Vitest | null = null;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const chosen = this.#vitest?.config.testNamePattern;
    const skipped = modules
      .flatMap((module) => [...module.children.allTests('skipped')])
      .filter(({ fullName }) => chosen?.test(fullName.replaceAll(' > ', ' ')) ?? true);
    if (skipped.length === 0) return;
    const lines = [...grouped(skipped)].flatMap(([reason, places]) => [
      ` ${reason}`,
      ...[...places].map(([place, count]) => `   ${count} × ${place}`)
    ]);
    this.#vitest?.logger.log(['', ` ${skipped.length} tests did not run:`, ...lines, ''].join('\n'));
  }
}

/** The number of tests, by reason and then by the suite that they are in, or by the test where it is in none. */
function grouped(tests: readonly TestCase[]): Map<string, Map<string, number>> {
  const groups = new Map<string, Map<string, number>>();
  for (const test of tests) {
    const reason = reasonOf(test) ?? 'no reason is given';
    const places = groups.get(reason) ?? new Map<string, number>();
    const { parent, module } = test;
    const name = parent.type === 'suite' ? parent.fullName : test.name;
    const place = `${module.relativeModuleId} > ${name}`;
    groups.set(reason, places.set(place, (places.get(place) ?? 0) + 1));
  }
  return groups;
}

/** What `skip(note)` was told, or what it or a suite around it was declared to need. */
function reasonOf(test: TestCase): string | null {
  const result = test.result();
  if (result.state === 'skipped' && result.note !== undefined) return result.note;
  for (let task: TestCase | TestCase['parent'] = test; task.type !== 'module'; task = task.parent) {
    const { missing } = task.meta();
    if (missing !== undefined) return missing;
  }
  return null;
}
