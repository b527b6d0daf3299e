import { describe, expect, it } from 'vitest';
import { ShardedMap } from '../../src/ledger/shardedMap.ts';

describe('a sharded map', () => {
  it('is empty at first', () => {
    const map = new ShardedMap<number>();

    expect(map.get('')).toBeUndefined();
    expect(map.get('any')).toBeUndefined();
    expect(map.delete('any')).toBe(false);
  });

  it('keeps what was set first under each key, whatever the keys look like, and says so', () => {
    const map = new ShardedMap<string>();
    const keys = Array.from({ length: 5_000 }, (_, index) => [
      `batch/${index}`,
      `${index}.the-same-end`,
      `🜚${index}`
    ]).flat();

    expect(['', ...keys].every((key) => map.setNew(key, `of ${key}`))).toBe(true);
    expect(['', ...keys].some((key) => map.setNew(key, 'again'))).toBe(false);
    expect(['', ...keys].every((key) => map.get(key) === `of ${key}`)).toBe(true);
    expect(map.get('batch/5000')).toBeUndefined();
  });

  it('lets go of what is deleted', () => {
    const map = new ShardedMap<number>();
    for (let index = 0; index < 1_000; index++) map.setNew(`t${index}`, index);
    for (let index = 0; index < 1_000; index += 2) expect(map.delete(`t${index}`)).toBe(true);

    expect(map.get('t500')).toBeUndefined();
    expect(map.setNew('t500', 5)).toBe(true);
    expect(map.get('t501')).toBe(501);
  });
});
