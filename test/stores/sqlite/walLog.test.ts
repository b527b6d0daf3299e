import { copyFileSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { DatabaseSync } from '@photostructure/sqlite';
import { describe, expect, it } from 'vitest';
import { checkStore, sqliteReader, sqliteStore } from '../../../src/stores/sqlite.ts';
import { readLog } from '../../../src/stores/sqlite/walLog.ts';
import { temporaryPath } from '../directory.ts';
import { commitOf, taskOf } from '../rows.ts';
import { startOwner } from './process.ts';

const headerBytes = 32;
const frameBytes = 24 + 4_096;

/** A log of transactions of a few frames each, and where each ends. */
function makeLog(transactions: number) {
  const path = temporaryPath('plain.db');
  const database = new DatabaseSync(path);
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (id INTEGER PRIMARY KEY, x)'
  );
  const ends = [readLog(path).frames];
  for (let number = 1; number < transactions; number += 1) {
    database.exec(`INSERT INTO t (x) VALUES (zeroblob(${number * 5_000}))`);
    ends.push(readLog(path).frames);
  }
  const image = `${path}.image`;
  copyFileSync(`${path}-wal`, `${image}-wal`);
  database.close();
  return { image, ends };
}

function damage(image: string, frame: number, offset = 100): void {
  const bytes = readFileSync(`${image}-wal`);
  bytes[headerBytes + (frame - 1) * frameBytes + offset]! ^= 4;
  writeFileSync(`${image}-wal`, bytes);
}

describe('a log', () => {
  it('that is whole is read to its end', () => {
    const { image, ends } = makeLog(5);
    const bytes = readFileSync(`${image}-wal`).length;
    expect(readLog(image)).toEqual({ bytes, frames: ends.at(-1), isDamaged: false });
    expect(bytes).toBe(headerBytes + ends.at(-1)! * frameBytes);
  });

  it('that is not there is empty', () => {
    expect(readLog(temporaryPath())).toEqual({ bytes: 0, frames: 0, isDamaged: false });
  });

  it('is damaged when a frame is bad in any transaction but the last', () => {
    const { image, ends } = makeLog(5);
    const whole = readFileSync(`${image}-wal`);
    for (let frame = 1; frame <= ends.at(-2)!; frame += 1) {
      damage(image, frame);
      const before = ends.findLast((end) => end < frame) ?? 0;
      expect(readLog(image), `frame ${frame}`).toMatchObject({ frames: before, isDamaged: true });
      writeFileSync(`${image}-wal`, whole);
    }
  });

  it('is not damaged when its last transaction is torn: a power cut does that', () => {
    const { image, ends } = makeLog(5);
    const whole = readFileSync(`${image}-wal`);
    for (let frame = ends.at(-2)! + 1; frame <= ends.at(-1)!; frame += 1) {
      damage(image, frame);
      expect(readLog(image), `frame ${frame}`).toMatchObject({ frames: ends.at(-2), isDamaged: false });
      writeFileSync(`${image}-wal`, whole);
    }
  });

  it.each([0, 4, 8, 13, 17, 22, 25, 30])('is damaged when byte %i of its header is', (byte) => {
    const { image } = makeLog(3);
    const bytes = readFileSync(`${image}-wal`);
    bytes[byte]! ^= 16;
    writeFileSync(`${image}-wal`, bytes);
    expect(readLog(image)).toMatchObject({ isDamaged: true });
  });

  it('ends before what is left of the log before it', () => {
    const path = temporaryPath('again.db');
    const database = new DatabaseSync(path);
    database.exec('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (x)');
    for (let rows = 0; rows < 9; rows += 1) database.exec('INSERT INTO t VALUES (zeroblob(9000))');
    const { frames } = readLog(path);
    database.exec('PRAGMA wal_checkpoint(PASSIVE); INSERT INTO t VALUES (1)');

    expect(readLog(path).frames).toBeLessThan(frames / 2);
    expect(readLog(path)).toMatchObject({ isDamaged: false });
    database.close();
  });
});

describe('a store whose owner was killed', () => {
  it.each<[what: string, change: (path: string) => void]>([
    ['log was deleted', (path) => rmSync(`${path}-wal`)],
    ['log was cut in half', (path) => truncateSync(`${path}-wal`, readFileSync(`${path}-wal`).length / 2)],
    ['database was deleted', (path) => rmSync(path)],
    ['database was emptied', (path) => truncateSync(path)],
    [
      'log has a bad bit in its last transaction',
      (path) => {
        const bytes = readFileSync(`${path}-wal`);
        bytes[bytes.length - 50]! ^= 1;
        writeFileSync(`${path}-wal`, bytes);
      }
    ]
  ])('is refused and left as it is when its %s, until what is beside it is moved away', async (_, change) => {
    const path = temporaryPath();
    const owner = await startOwner(path, 'the night shift');
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    change(path);
    const before = imageOf(path);

    const store = sqliteStore(path);
    const reader = sqliteReader(path);
    const refused = {
      code: 'ERR_STORE_CORRUPT',
      message: expect.stringContaining('acknowledged') as string
    };
    await expect(store.open('fleet-1', 'me')).rejects.toMatchObject(refused);
    await expect(reader.readHead('fleet-1')).rejects.toMatchObject(refused);
    expect((await checkStore(path)).findings).toContainEqual(expect.objectContaining({ kind: 'log' }));
    await store.close();
    await reader.close();
    expect(imageOf(path)).toEqual(before);

    rmSync(`${path}-mark`);
    rmSync(`${path}-wal`, { force: true });
    const next = sqliteStore(path);
    expect(await next.open('fleet-1', 'me')).toMatchObject({ head: null });
    await next.commit(commitOf('fleet-1', 1, { newTasks: [taskOf(1)] }));
    await next.close();
    expect(existsSync(`${path}-mark`)).toBe(false);
  });

  it('promised nothing beyond its log when it was not to survive a power cut', async () => {
    const path = temporaryPath();
    const store = sqliteStore(path, { durability: 'process' });
    await store.open('fleet-1', 'me');
    await store.commit(commitOf('fleet-1', 1));
    expect(existsSync(`${path}-mark`)).toBe(false);
    await store.close();
  });
});

function imageOf(path: string): unknown[] {
  return ['', '-wal', '-mark', '-lock'].map((suffix) => {
    const file = `${path}${suffix}`;
    return existsSync(file) ? readFileSync(file).toString('base64') : null;
  });
}
