import { readFileSync } from 'node:fs';

/** Number of the directory; files are numbered from 2, in the order in which they were made. */
export const directory = 1;

/** Something that was done to the disk. */
export type DiskOperation =
  | { readonly op: 'create'; readonly file: number; readonly name: string }
  | { readonly op: 'write'; readonly file: number; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly op: 'sync'; readonly file: number }
  | { readonly op: 'truncate'; readonly file: number; readonly size: number }
  | { readonly op: 'unlink'; readonly name: string };

/** An operation, and the size of the log when it had been written. */
export type LoggedOperation = DiskOperation & { readonly end: number };

/** Bytes of `struct record` in faultyDisk.c. */
const headSize = 20;

/** Reads what a faulty disk wrote down, in the order in which it happened. */
export function readDiskLog(path: string): LoggedOperation[] {
  const log = readFileSync(path);
  const operations: LoggedOperation[] = [];
  for (let at = 0; at < log.length;) {
    const op = log.toString('latin1', at, at + 1);
    const file = log.readUInt32LE(at + 4);
    const offset = Number(log.readBigUInt64LE(at + 8));
    const start = at + headSize;
    at = start + log.readUInt32LE(at + 16);
    operations.push({ ...operationOf(op, file, offset, log.subarray(start, at)), end: at });
  }
  return operations;
}

function operationOf(op: string, file: number, offset: number, bytes: Buffer): DiskOperation {
  switch (op) {
    case 'C':
      return { op: 'create', file, name: bytes.toString() };
    case 'W':
      return { op: 'write', file, offset, bytes };
    case 'S':
      return { op: 'sync', file };
    case 'T':
      return { op: 'truncate', file, size: offset };
    case 'U':
      return { op: 'unlink', name: bytes.toString() };
    default:
      throw new Error(`The log has an operation ${JSON.stringify(op)}, which faultyDisk.c does not write`);
  }
}
