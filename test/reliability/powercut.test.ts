import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DiskOperation } from '../../reliability/disk/diskLog.ts';
import { whyNoFaultyDisk } from '../../reliability/disk/faultyDisk.ts';
import { isClean } from '../../reliability/counts.ts';
import { cutPower } from '../../reliability/powercut/cuts.ts';
import { PowerlessDisk } from '../../reliability/powercut/powerlessDisk.ts';
import { SeededRandom } from '../../src/testing/seededRandom.ts';
import type { Durability } from '../../src/stores/sqlite/storeFile.ts';
import { needing } from '../missing.ts';

const create = (file: number, name: string): DiskOperation => ({ op: 'create', file, name });
const unlink = (name: string): DiskOperation => ({ op: 'unlink', name });
const write = (file: number, offset: number, text: string): DiskOperation => ({
  op: 'write',
  file,
  offset,
  bytes: Buffer.from(text)
});
const truncate = (file: number, size: number): DiskOperation => ({ op: 'truncate', file, size });
const sync = (file: number): DiskOperation => ({ op: 'sync', file });
const syncDirectory = sync(1);

/** A sector of one character. */
const sector = (character: string): string => character.repeat(512);

/** All that may be found after a cut: as text, a sector by its character, and a zero as `0`. */
function outcomesOf(operations: readonly DiskOperation[], file = 'f'): Set<string> {
  const disk = new PowerlessDisk();
  for (const operation of operations) disk.apply(operation);
  const random = new SeededRandom(1);
  const outcomes = new Set<string>();
  for (let cuts = 0; cuts < 2_000; cuts++) {
    const bytes = disk.cut(random).get(file);
    const text = bytes && Buffer.from(bytes).toString().replaceAll('\0', '0');
    outcomes.add(text === undefined ? 'absent' : text.replaceAll(/(.)\1{510,511}/g, '$1'));
  }
  return outcomes;
}

const made = [create(2, 'f'), syncDirectory];

describe('after a power cut', () => {
  it.each<[what: string, operations: DiskOperation[], outcomes: string[]]>([
    ['what was flushed is there', [...made, write(2, 0, 'ab'), sync(2)], ['ab']],
    [
      'what was written since is there or not',
      [...made, write(2, 0, 'ab'), sync(2), write(2, 1, 'x')],
      ['ab', 'ax']
    ],
    [
      'the flush of another file changes nothing',
      [...made, create(3, 'g'), write(2, 0, 'ab'), sync(3)],
      ['', 'ab']
    ],
    [
      'a later write may be there without an earlier one, and zeros before it',
      [...made, write(2, 0, 'a'), write(2, 1, 'b')],
      ['', 'a', '0b', 'ab']
    ],
    [
      'a write may be torn between sectors',
      [...made, write(2, 0, sector('a') + sector('b'))],
      ['', 'a', '0b', 'ab']
    ],
    [
      'a write across the border of a sector may be torn there, and nowhere else',
      [...made, write(2, 0, 'x'.repeat(1_024)), sync(2), write(2, 511, 'ab')],
      ['xx', 'xabx', 'xax', 'xbx']
    ],
    ['a truncation is there or not', [...made, write(2, 0, 'abc'), sync(2), truncate(2, 1)], ['abc', 'a']],
    [
      'what was written beyond a truncation that is lost is lost with it',
      [...made, write(2, 0, 'abc'), sync(2), truncate(2, 0), write(2, 0, 'xyz')],
      ['abc', '', 'xyz']
    ],
    [
      'truncations are kept in their order',
      [...made, write(2, 0, 'abcd'), sync(2), truncate(2, 2), truncate(2, 1)],
      ['abcd', 'ab', 'a']
    ],
    [
      'what a truncation took does not come back with the next size',
      [...made, write(2, 0, 'abc'), truncate(2, 0), write(2, 2, 'z'), sync(2)],
      ['00z']
    ],
    ['a file whose directory was not flushed is there or not', [create(2, 'f'), sync(2)], ['absent', '']],
    [
      'a file that was unlinked since is there or not',
      [...made, write(2, 0, 'a'), sync(2), unlink('f')],
      ['absent', 'a']
    ],
    ['a file that was unlinked for good is gone', [...made, unlink('f'), syncDirectory], ['absent']],
    [
      'a name is of the old file or of the new one',
      [...made, write(2, 0, 'old'), sync(2), unlink('f'), create(3, 'f'), write(3, 0, 'new'), sync(3)],
      ['old', 'absent', 'new']
    ]
  ])('%s', (_, operations, outcomes) => {
    expect([...outcomesOf(operations)].sort()).toEqual(outcomes.sort());
  });

  it('names are kept in the order of their changes', () => {
    const disk = new PowerlessDisk();
    for (const operation of [create(2, 'f'), create(3, 'g')]) disk.apply(operation);
    const random = new SeededRandom(1);
    const names = new Set(Array.from({ length: 100 }, () => [...disk.cut(random).keys()].join()));

    expect(names).toEqual(new Set(['', 'f', 'f,g']));
  });

  it('the disk goes on as it was', () => {
    const disk = new PowerlessDisk();
    for (const operation of [...made, write(2, 0, 'ab')]) disk.apply(operation);
    disk.cut(new SeededRandom(1));
    disk.apply(sync(2));

    expect(Buffer.from(disk.cut(new SeededRandom(2)).get('f')!).toString()).toBe('ab');
  });
});

const missing = whyNoFaultyDisk();

describe('a fleet whose power is cut', { timeout: 120_000, ...needing(missing) }, () => {
  const cut = async (durability: Durability) => {
    const directory = mkdtempSync(join(tmpdir(), 'powercut-'));
    try {
      return await cutPower({ durability, cuts: 100, seed: 1, directory }, new SeededRandom(1));
    } finally {
      rmSync(directory, { recursive: true });
    }
  };

  it('has lost nothing that it acknowledged at `full`', async () => {
    const { counts, damages, recoveries } = await cut('full');

    expect(damages).toEqual([]);
    expect(counts).toSatisfy(isClean);
    expect([counts.tried > 1_000, recoveries]).toEqual([true, 2]);
  });

  it('has lost something at `process`, where it may, and is whole', async () => {
    const { counts, damages } = await cut('process');

    expect(damages).toEqual([]);
    expect(counts.lost).toBeGreaterThan(0);
    expect({ ...counts, lost: 0 }).toSatisfy(isClean);
  });
});
