import { describe, expect, it } from 'vitest';
import { compact, count, duration, rate, words } from '../../src/page/format.ts';

describe('numbers', () => {
  it.each([
    [0, '0'],
    [999, '999'],
    [93_412, '93,412'],
    [99_999, '99,999'],
    [100_000, '100k'],
    [999_999, '999k'],
    [1_000_000, '1M'],
    [1_290_000, '1.2M'],
    [34_500_000, '34M'],
    [1_200_000_000, '1.2G'],
    [999e12, '999T']
  ])('%d fits six characters: %s', (value, text) => {
    expect(compact(value)).toBe(text);
    expect(compact(value).length).toBeLessThanOrEqual(6);
  });

  it('have separators, and a decimal where a rate is small', () => {
    expect([count(1_234_567), rate(0), rate(0.42), rate(12.3), rate(1_234)]).toEqual([
      '1,234,567',
      '0',
      '0.4',
      '12',
      '1,234'
    ]);
  });
});

it.each([
  [0, '0 ms'],
  [0.44, '0.4 ms'],
  [12, '12 ms'],
  [999.6, '1 s'],
  [1_240, '1.2 s'],
  [59_999, '1 min'],
  [185_000, '3 min 5 s'],
  [7_380_000, '2 h 3 min'],
  [352_800_000, '4 d 2 h']
])('%d ms are told as %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

it('a state is told in words, without what is around it', () => {
  expect(['backingOff', 'operation.running', 'auto.coolingDown'].map(words)).toEqual([
    'backing off',
    'running',
    'cooling down'
  ]);
});
