import { expect, it } from 'vitest';
import { WordReader } from '../../src/recording/words.ts';

it('keeps no text that no writer wrote: a small file could fill the memory with long ones', () => {
  const words = new WordReader();
  expect(words.read('x'.repeat(4_096))).toHaveLength(4_096);
  expect(() => words.read('x'.repeat(4_097))).toThrow('a word has 4097 characters');
  expect(() => words.read(1)).toThrow('there is no word 1');
});
