import { readFileSync } from 'node:fs';
import { childrenOf } from '../../test/servers/processTree.ts';

/** What `/proc` counts in, as the kernel tells every program since long ago: hundredths of a second. */
const tickUs = 10_000;

/** Processor time of a process with all its threads, µs. Linux. */
export function processorUs(pid: number): number {
  const { user, system } = timesOf(pid);
  return (user + system) * tickUs;
}

/** The same with its children, those that have ended included. */
export function treeProcessorUs(pid: number): number {
  const { user, system, ofEnded } = timesOf(pid);
  const children = childrenOf(pid).map(processorUs);
  return (user + system + ofEnded) * tickUs + children.reduce((sum, each) => sum + each, 0);
}

export function parentOf(pid: number): number {
  return Number(fieldsOf(pid)[1]);
}

/** Memory that a process holds now, bytes. */
export function residentBytes(pid: number): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return Number(kibibytes) * 1_024;
}

/** What a process has had written to disks, bytes. */
export function writtenBytes(pid: number): number {
  const [, bytes] = /^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'latin1')) ?? [];
  return Number(bytes);
}

function timesOf(pid: number) {
  const fields = fieldsOf(pid);
  return {
    user: Number(fields[11]),
    system: Number(fields[12]),
    ofEnded: Number(fields[13]) + Number(fields[14])
  };
}

/** From the state on: the name of the program before it is in brackets, and may hold anything. */
function fieldsOf(pid: number): readonly string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
