import type { Mutant } from './mutant.ts';

const inspection = ['test/inspection/shadowActors.test.ts', 'test/inspection/passedToXState.test.ts'];
const recorder = ['test/recording/recorder.test.ts'];
const checks = ['test/recording/checkRecording.test.ts'];
const edges = ['test/testing/edgeTests.test.ts'];
const coverage = ['test/testing/coverage.test.ts'];
const fleets = ['test/testing/testFleet.test.ts'];
const drawings = ['test/visualize/svg.test.ts'];
const mermaid = ['test/visualize/mermaid.test.ts'];

/** Of what looks at machines and tries them: inspection, recordings, the testing kit, drawings. */
export const toolMutants: readonly Mutant[] = [
  // Rows that an inspector sees.
  {
    name: 'a row that has ended keeps its place among those that are inspected',
    file: 'src/inspection/shadowGroup.ts',
    find: '    if (isFinal(row)) this.#shadows.delete(id);\n',
    replace: '',
    tests: inspection
  },
  {
    name: 'a busy fleet is inspected task by task',
    file: 'src/inspection/shadowGroup.ts',
    find: 'return this.#newcomers < max;',
    replace: 'return true;',
    tests: inspection
  },
  {
    name: 'which rows are inspected is a matter of chance',
    file: 'src/inspection/rowSamples.ts',
    find: 'crc32(id) / 2 ** 32 < rate',
    replace: 'Math.random() < rate',
    tests: inspection
  },
  {
    name: 'a row is shown as it was a step ago',
    file: 'src/inspection/shadowActor.ts',
    find: '    this.#row = row;\n    this.#snapshot = this.#resolve(row);\n    this.#take(event);',
    replace: '    this.#snapshot = this.#resolve(this.#row);\n    this.#row = row;\n    this.#take(event);',
    tests: inspection
  },
  {
    name: 'what an earlier process left is not inspected',
    file: 'src/inspection/shadowActors.ts',
    find: '    run.tasks.restore(ledger.tasks.rows());\n',
    replace: '',
    tests: inspection
  },
  {
    name: 'an inspector that throws at a row sees no other of the turn',
    file: 'src/inspection/inspection.ts',
    find: 'events.guarded(read)',
    replace: 'read',
    tests: inspection
  },
  // Recordings.
  {
    name: 'a recording goes on with one of another fleet',
    file: 'src/recording/recordingWriter.ts',
    find: 'if (recorded === fleet) return;',
    replace: 'if (recorded !== undefined) return;',
    tests: recorder
  },
  {
    name: 'a cut frame stays in the middle of a recording',
    file: 'src/recording/recordingWriter.ts',
    find: '      await file.truncate(this.#position);\n',
    replace: '',
    tests: recorder
  },
  {
    name: 'a recording waits for a slow disk in memory without end',
    file: 'src/recording/recordingWriter.ts',
    find: 'if (this.#length > maxPending) {',
    replace: 'if (this.#length > Infinity) {',
    tests: recorder
  },
  {
    name: 'two writers of one recording destroy it',
    file: 'src/recording/recordingWriter.ts',
    find: "    if (size !== this.#position) throw new Error('somebody else writes to the file');\n",
    replace: '',
    tests: recorder
  },
  {
    name: 'a flipped bit is taken for the end of a recording',
    file: 'src/recording/frames.ts',
    find: 'if (crc32(header.subarray(0, 8)) !== header.readUInt32LE(8) || length > maxFrameBytes) {',
    replace: 'if (length > maxFrameBytes) {',
    tests: recorder
  },
  {
    name: 'a row of an earlier process is recorded without what it was',
    file: 'src/recording/turnEncoder.ts',
    find: 'if (seq >= this.#firstNewSeq) return false;',
    replace: 'if (seq > 0) return false;',
    tests: [...recorder, ...checks]
  },
  {
    name: 'a fleet that is started again goes on with the words of its last session',
    file: 'src/recording/recorder.ts',
    find: '    this.#words = new WordWriter();\n    this.#turns = new TurnEncoder(this.#words);\n',
    replace: '',
    tests: recorder
  },
  {
    name: 'a recording holds errors of any length',
    file: 'src/recording/cells.ts',
    find: '    message.slice(0, messageLength),\n',
    replace: '    message,\n',
    tests: recorder
  },
  {
    name: 'when a step is due is not compared',
    file: 'src/recording/recordingChecks.ts',
    find: 'return dueAt === null ? state : `${state}, due at ${dueAt}`;',
    replace: 'return state;',
    tests: checks
  },
  {
    name: 'a step from where nothing was is sound',
    file: 'src/recording/recordingChecks.ts',
    find: 'const expected = isContinued ? moveOf(moves, step) : null;',
    replace: 'const expected = moveOf(moves, step);',
    tests: checks
  },
  // The testing kit.
  {
    name: 'a timer that was cancelled rings in a path',
    file: 'src/testing/step.ts',
    find: "if (type === 'xstate.cancel') timers = withoutTimer(timers, sendId ?? null);",
    replace: "if (type === 'xstate.cancel') return;",
    tests: edges
  },
  {
    name: 'the error of a child that a machine fails of ends the search',
    file: 'src/testing/step.ts',
    find: "if (status === 'error' && !isChilds) throw error;",
    replace: "if (status === 'error') throw error;",
    tests: ['test/testing/invariants.test.ts']
  },
  {
    name: 'a transition that another region prevented counts as taken',
    file: 'src/testing/preemption.ts',
    find: '    if (!rivals.every(({ source }) => isBelow(transition.source, source))) continue;\n',
    replace: '',
    tests: [...coverage, ...edges]
  },
  {
    name: 'states that were missed are enough',
    file: 'src/testing/coverage.ts',
    find: 'states.percent >= ofStates && ',
    replace: '',
    tests: coverage
  },
  {
    name: 'nearly all is all',
    file: 'src/testing/coverage.ts',
    find: 'Math.floor((covered / total) * 100)',
    replace: 'Math.ceil((covered / total) * 100)',
    tests: coverage
  },
  {
    name: 'a machine with other implementations is not the same chart',
    file: 'src/testing/coverage.ts',
    find: 'if (snapshot.machine?.config !== this.#machine.config) return;',
    replace: 'if (snapshot.machine !== this.#machine) return;',
    tests: coverage
  },
  {
    name: 'what holds in a part of the situations is proven',
    file: 'src/testing/invariants.ts',
    find: '  if (!graph.isComplete) throw new SearchLimitError(machine.id, limitOf(given));\n',
    replace: '',
    tests: ['test/testing/invariants.test.ts']
  },
  {
    name: 'timers of a process that crashed ring',
    file: 'src/testing/fleetProcess.ts',
    find: '    this.#clock.kill();\n',
    replace: '',
    tests: fleets
  },
  {
    name: 'a crash before a commit writes it all the same',
    file: 'src/testing/processStore.ts',
    find: '        onCommit?.(commit);\n        if (!this.#isAlive) return;\n',
    replace: '        onCommit?.(commit);\n',
    tests: fleets
  },
  {
    name: 'a long backoff is taken for a standstill',
    file: 'src/testing/testFleet.ts',
    find: ' && !this.#log.unsettled.some(isTimed);',
    replace: ';',
    tests: fleets
  },
  {
    name: 'who waits for a fleet that has crashed is told that its tasks wait',
    file: 'src/testing/testFleet.ts',
    find: '      if (!process.isAlive) throw new CrashedError(this.#name, command);\n',
    replace: '',
    tests: fleets
  },
  // Drawings.
  {
    name: 'a name ends the drawing that it is in',
    file: 'src/visualize/svgDocument.ts',
    find: "      .replaceAll('<', '&lt;')\n",
    replace: '',
    tests: drawings
  },
  {
    name: 'the text of a frame stands under its arrows',
    file: 'src/visualize/layout.ts',
    find: '  if (state.states.length === 0) return placed;\n',
    replace: '  if (state.states.length >= 0) return placed;\n',
    tests: drawings
  },
  {
    name: 'a transition that leaves no state is drawn as one that does',
    file: 'src/visualize/transitions.ts',
    find: 'isInternal: targets.length === 0 || isToItself,',
    replace: 'isInternal: targets.length === 0,',
    tests: [...drawings, ...mermaid]
  },
  {
    name: 'what is tried last is drawn as if it always applied',
    file: 'src/visualize/words.ts',
    find: "[isElse ? 'else' : '', guard ?? '']",
    replace: "[guard ?? '']",
    tests: drawings
  },
  {
    name: 'a state has a name that Mermaid keeps for itself',
    file: 'src/visualize/mermaid.ts',
    find: 'reserved.test(id) || ',
    replace: '',
    tests: mermaid
  },
  {
    name: 'a deep history is drawn as a shallow one',
    file: 'src/visualize/chart.ts',
    find: "node.history === 'deep' ? 'deep' : 'shallow'",
    replace: "'shallow' as 'deep' | 'shallow'",
    tests: drawings
  }
];
