import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { batchStates } from '../../machines/batch.ts';
import { taskStatuses } from '../../machines/task.ts';
import * as library from '../../src/index.ts';
import { originalNames } from './originalNames.ts';

interface Row {
  readonly there: string;
  /** Names of what is here; none where the remark says why not. */
  readonly here: readonly string[];
  readonly remark: string;
}

const root = new URL('../../', import.meta.url);
const rows = rowsOf(read('docs/from-the-originals.md'));

describe('docs/from-the-originals.md', () => {
  it('has every name that the documents of the originals use', () => {
    const named = new Set(rows.flatMap(({ there }) => there.match(/\w+/g) ?? []));
    expect(originalNames.filter((name) => !named.has(name))).toEqual([]);
  });

  it('says why, where there is no counterpart', () => {
    expect(rows.filter(({ here, remark }) => here.length === 0 && remark === '')).toEqual([]);
  });

  const names = [...new Set(rows.flatMap(({ here }) => here))];
  it.for(names)('names what there is: %s', (name) => {
    expect(isThere(name)).toBe(true);
  });
});

function rowsOf(markdown: string): readonly Row[] {
  return [...markdown.matchAll(/^\| `(.*?)` \| (.*?) \| (.*?) ?\|$/gm)].map(([, there, here, remark]) => ({
    there: there!,
    here: [...here!.matchAll(/`(.*?)`/g)].map(([, name]) => name!),
    remark: remark!
  }));
}

/** A word of a status, something exported, or a member of a declaration that is exported. */
function isThere(name: string): boolean {
  if (name.startsWith("'")) return words.has(name.slice(1, -1));
  const [owner, member] = name.split('.') as [string, string | undefined];
  if (!isExported(owner)) return false;
  if (member === undefined) return true;
  const value = (library as Record<string, unknown>)[owner];
  if (typeof value === 'object') return member in (value as object);
  return new RegExp(`^ +((readonly|protected|override|async|get|abstract) )*${member}[?(:<!]`, 'm').test(
    declarationOf(owner)
  );
}

const words = new Set<string>([
  ...batchStates,
  ...taskStatuses,
  ...wordsOf('WorkerStatus'),
  ...wordsOf('WorkerInfoStatus')
]);

/** The words that a type allows. */
function wordsOf(type: string): string[] {
  const found = sources().flatMap((text) => text.match(new RegExp(`^export type ${type} =[^;]*`, 'm')) ?? []);
  return [...found.join(' ').matchAll(/'(\w+)'/g)].map(([, word]) => word!);
}

/** By name, or with all of its file: the entry of the machines is exported whole, and so are files of vocabulary. */
function isExported(name: string): boolean {
  if (new RegExp(`\\b${name}\\b`).test(read('src/index.ts'))) return true;
  const whole = [...read('machines/index.ts').matchAll(/export (?:type )?\* from '\.\/(.*)'/g)];
  const declared = new RegExp(`^export (interface|type|class|const|function) ${name}\\b`, 'm');
  return whole.some(([, file]) => declared.test(read(`machines/${file}`)));
}

/** The text of an interface, a type or a class. */
function declarationOf(name: string): string {
  const pattern = new RegExp(`^export (abstract )?(interface|type|class) ${name}\\b[\\s\\S]*?^}`, 'm');
  const found = sources().find((text) => pattern.test(text));
  return found?.match(pattern)?.[0] ?? '';
}

function sources(): string[] {
  return ['src', 'machines'].flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, root), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => read(`${folder}/${name}`))
  );
}

function read(path: string): string {
  return readFileSync(fileURLToPath(new URL(path, root)), 'utf8');
}
