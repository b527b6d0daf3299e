import { expect, test, vi } from 'vitest';
import { newId } from '../src/newId.ts';

test('an id is a UUID of version 7', () => {
  expect(newId()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('an id begins with the time in ms', () => {
  const before = Date.now();
  const at = parseInt(newId().replace('-', '').slice(0, 12), 16);
  expect(at).toBeGreaterThanOrEqual(before);
  expect(at).toBeLessThanOrEqual(Date.now());
});

test('ids of one moment differ', () => {
  expect(new Set(Array.from({ length: 10_000 }, newId)).size).toBe(10_000);
});

test('a handler that replaces the clock of the process changes no id', () => {
  const frozen = vi.spyOn(Date, 'now').mockReturnValue(0);
  try {
    expect(newId().startsWith('00000000-0000')).toBe(false);
  } finally {
    frozen.mockRestore();
  }
});
