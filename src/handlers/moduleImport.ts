import { extname } from 'node:path';

const typescriptExtensions = new Set(['.ts', '.mts', '.cts', '.tsx']);

/**
 * Imports a module of the user's. TypeScript is loaded through `tsx`, whatever runs this process.
 *
 * @param url - Of the module, as `import()` takes it.
 * @throws what the module throws at import, or why it cannot be loaded.
 */
export async function importModule(url: string): Promise<Record<string, unknown>> {
  if (isTypeScript(url)) await registerTypeScript();
  return (await import(url)) as Record<string, unknown>;
}

function isTypeScript(url: string): boolean {
  const { protocol, pathname } = new URL(url);
  return protocol === 'file:' && typescriptExtensions.has(extname(pathname));
}

/** For either kind of module: which one a file is, the nearest package.json says. */
async function registerTypeScript(): Promise<void> {
  (await import('tsx/cjs/api')).register();
  (await import('tsx/esm/api')).register();
}
