import { validate, version } from 'uuid';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadIds, newId } from '../src/newId.ts';

it('is a UUID even before what mints ids was loaded', () => {
  expect(validate(newId())).toBe(true);
});

describe('an id that is minted', () => {
  beforeAll(loadIds);

  it('is a UUID v7', () => {
    const id = newId();
    expect([validate(id), version(id)]).toEqual([true, 7]);
  });

  it('comes once, however many are minted', () => {
    expect(new Set(Array.from({ length: 10_000 }, newId)).size).toBe(10_000);
  });

  it('shares nothing but time and version with the others, from one draw of chance to the next', () => {
    const randomParts = Array.from({ length: 1_000 }, () => newId().slice(-12));
    expect(new Set(randomParts).size).toBe(1_000);
  });
});
