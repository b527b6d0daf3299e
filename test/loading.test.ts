import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** What an import of a module loads with it: packages by name, files of ours by their path from here. */
function loadedBy(entry: string): ReadonlySet<string> {
  const loaded = new Set<string>();
  const files = [new URL(`../${entry}`, import.meta.url)];
  for (const file of files) {
    const code = readFileSync(file, 'utf8');
    // An import of nothing but types leaves nothing behind; `import()` comes later, or never.
    for (const [, name] of code.matchAll(/^(?:import|export) (?!type )(?:[^;]*? from )?'([^']+)';/gm)) {
      const next = name!.startsWith('.') ? new URL(name!, file) : null;
      const known = next?.href ?? name!;
      if (loaded.has(known)) continue;
      loaded.add(known);
      if (next !== null && existsSync(next)) files.push(next);
    }
  }
  const root = new URL('../', import.meta.url).href;
  return new Set([...loaded].map((name) => name.replace(root, '')));
}

describe('an import of the package', () => {
  const loaded = loadedBy('src/index.ts');

  it('loads the libraries that making a fleet takes, and no other', () => {
    const libraries = [...loaded].filter((name) => !/^(src|machines|node:)/.test(name));
    expect(libraries.sort()).toEqual([
      '@datadog/sketches-js',
      '@xstate/store',
      'croner',
      'immer',
      'tinyqueue',
      'uuid',
      'xstate'
    ]);
  });

  it.each([
    'node:child_process',
    'node:worker_threads',
    'src/dashboard/openPage.ts',
    'src/recording/recorder.ts',
    'src/recording/recordedCharts.ts'
  ])('leaves %s to those who use it', (name) => {
    expect(loaded).toContain('src/journal/journal.ts');
    expect(loaded).not.toContain(name);
  });
});

describe('the thread of a SQLite store', () => {
  it('loads no library with what it runs: a recovery waits for it', () => {
    const loaded = loadedBy('src/stores/sqlite/driver.ts');
    expect(loaded).toContain('src/stores/sqlite/storeDriver.ts');
    expect([...loaded].filter((name) => !/^(src|machines|node:)/.test(name))).toEqual([]);
  });
});
