import { describe, expect, it } from 'vitest';
import { ShardedMap } from '../../src/ledger/shardedMap.ts';

describe('a sharded map', () => {
  it('is empty at first', () => {
    const map = new ShardedMap<number>();

    expect(map.has('')).toBe(false);
    expect(map.get('any')).toBeUndefined();
    expect(map.delete('any')).toBe(false);
  });

  it('finds what was set last under each key, whatever the keys look like', () => {
    const map = new ShardedMap<string>();
    const keys = Array.from({ length: 5_000 }, (_, index) => [
      `batch/${index}`,
      `${index}.the-same-end`,
      `🜚${index}`
    ]).flat();
    for (const key of ['', ...keys]) map.set(key, 'first');
    for (const key of ['', ...keys]) map.set(key, `of ${key}`);

    expect(['', ...keys].every((key) => map.has(key) && map.get(key) === `of ${key}`)).toBe(true);
    expect(map.has('batch/5000')).toBe(false);
  });

  it('lets go of what is deleted', () => {
    const map = new ShardedMap<number>();
    for (let index = 0; index < 1_000; index++) map.set(`t${index}`, index);
    for (let index = 0; index < 1_000; index += 2) expect(map.delete(`t${index}`)).toBe(true);

    expect(map.get('t500')).toBeUndefined();
    expect(map.get('t501')).toBe(501);
  });
});
