import { coverageOf, edgeTests } from 'xstate-fleet/testing';
import { shiftMachine } from './shiftMachine.ts';

// Nobody breaks the press here, so the table says what is not covered, and why.
const tests = edgeTests(shiftMachine, {
  events: { 'shift.begin': [{}], 'shift.end': [{}] },
  allowUnreached: true
});

for (const test of tests) {
  test.run();
  console.log(`${test.title}, after ${test.events.map(({ type }) => type).join(', ')}`);
}
console.log(`\n${coverageOf(shiftMachine).table()}`);
