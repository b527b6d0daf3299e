import { expect, test } from 'vitest';
import { durationText } from '../../src/cli/duration.ts';
import { jsonLine, printable, shellWord } from '../../src/cli/terminal.ts';

test.each([
  ['colours', '\u001b[31mred\u001b[0m', 'red'],
  ['a clipboard write', '\u001b]52;c;aGk=\u0007safe', 'safe'],
  ['a hyperlink', '\u001b]8;;http://evil\u0007click\u001b]8;;\u0007', 'click'],
  ['eight-bit controls', 'a\u009b2Jb', 'ab'],
  ['line ends', 'one\r\ntwo', 'one two'],
  ['reordered text', 'a\u202eb', 'a b'],
  ['isolates of text', 'a\u2066b\u2069', 'a b'],
  ['marks of direction', 'a\u200e\u200f\u061cb', 'a b'],
  ['what is none of these', 'Zoë 🦊 %s <b>', 'Zoë 🦊 %s <b>']
])('%s: what somebody else wrote is printed as one harmless line', (_, text, expected) => {
  expect(printable(text)).toBe(expected);
});

test('JSON is printed without a loss, and without eight-bit controls', () => {
  const value = { text: '\u001b[2J\u009b2J\u007f\u2028\n"\u202e\u2066\u200f' };
  const line = jsonLine(value);
  expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\u2028\u202e\u2066\u200f]/u);
  expect(JSON.parse(line)).toEqual(value);
});

test.each([
  ['tasks.jsonl', 'tasks.jsonl'],
  ['my tasks.jsonl', "'my tasks.jsonl'"],
  ["it's", `'it'\\''s'`],
  ['$(rm -rf)', "'$(rm -rf)'"],
  ['', "''"]
])('%s is quoted for a shell', (word, quoted) => {
  expect(shellWord(word)).toBe(quoted);
});

test.each([
  [0, '0.0 s'],
  [1_234, '1.2 s'],
  [9_949, '9.9 s'],
  [9_960, '10 s'],
  [59_700, '1 min'],
  [185_000, '3 min 5 s'],
  [7_800_000, '2 h 10 min']
])('%i ms are %s', (ms, text) => {
  expect(durationText(ms)).toBe(text);
});
