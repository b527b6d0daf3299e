import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NonRetryableError } from 'xstate-fleet';
import { measureContent, type Content } from './content.ts';
import { declaredLicence, familyOf, licenceInText, type LicenceFamily } from './licences.ts';

/** What is known of a package after its audit. Plain JSON: it is stored as the result of its task. */
export interface PackageAudit extends Content {
  readonly name: string;
  /** `null`: its manifest has none. */
  readonly version: string | null;
  /** SPDX id or expression; what the manifest says, where that is none. */
  readonly licence: string;
  readonly family: LicenceFamily;
  readonly licenceFrom: 'manifest' | 'text';
  /** What a lawyer would ask about, in words. */
  readonly remarks: readonly string[];
}

/**
 * Audits one package: the handler of the tasks.
 *
 * @param data.path - Folder of the package.
 * @throws {NonRetryableError} when the package itself is at fault: no licence, no licence text (nearly every
 * licence wants its text passed on), or no manifest that can be read.
 * Other errors, such as too many open files, may pass: the fleet tries again.
 */
export async function auditPackage(
  { path }: { readonly path: string },
  { signal }: { readonly signal: AbortSignal }
): Promise<PackageAudit> {
  const manifest = await readManifest(path, signal);
  const { name, version } = manifest;
  if (typeof name !== 'string') throw new NonRetryableError('package.json has no name');
  const licence = await findLicence(path, manifest, signal);
  return {
    name,
    version: typeof version === 'string' ? version : null,
    ...licence,
    family: familyOf(licence.licence),
    ...(await measureContent(path, signal))
  };
}

async function readManifest(path: string, signal: AbortSignal): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(join(path, 'package.json'), { encoding: 'utf8', signal });
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM'].includes(code)) throw error;
    throw new NonRetryableError(`package.json cannot be read: ${code}`);
  }
  try {
    const manifest: unknown = JSON.parse(text);
    if (typeof manifest === 'object' && manifest !== null && !Array.isArray(manifest)) {
      return manifest as Record<string, unknown>;
    }
  } catch (error) {
    throw new NonRetryableError(`package.json is not JSON: ${(error as Error).message}`);
  }
  throw new NonRetryableError('package.json holds no object');
}

async function findLicence(
  path: string,
  manifest: Record<string, unknown>,
  signal: AbortSignal
): Promise<Pick<PackageAudit, 'licence' | 'licenceFrom' | 'remarks'>> {
  const declared = declaredLicence(manifest);
  const { files, granted } = await readLicenceTexts(path, manifest, signal);
  if (files.length === 0) {
    throw new NonRetryableError(
      declared === null
        ? 'no licence: package.json declares none and there is no licence text'
        : `no licence text: package.json declares ${declared}, but there is nothing to pass on with it`
    );
  }
  if (declared !== null) {
    const isContradicted =
      granted.length > 0 && !granted.some((id) => declared.includes(id.replace(/-only$/, '')));
    const remarks = isContradicted ? [`declares ${declared}, its text is ${granted.join(' and ')}`] : [];
    return { licence: declared, licenceFrom: 'manifest', remarks };
  }
  if (granted.length === 0) {
    throw new NonRetryableError(
      `no licence: package.json declares none and ${files.join(', ')} is no known text`
    );
  }
  return { licence: granted.join(' AND '), licenceFrom: 'text', remarks: ['declares no licence'] };
}

/** The licence files and the ids of what they grant; where there are none, the readme if it holds a licence. */
async function readLicenceTexts(
  path: string,
  manifest: Record<string, unknown>,
  signal: AbortSignal
): Promise<{ readonly files: readonly string[]; readonly granted: readonly string[] }> {
  const read = (name: string): Promise<string> => readFile(join(path, name), { encoding: 'utf8', signal });
  const entries = await readdir(path, { withFileTypes: true });
  const names = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  const files = names.filter((name) => isLicenceText(name, manifest));
  if (files.length > 0) {
    const granted = (await Promise.all(files.map(read))).map(licenceInText);
    return { files, granted: [...new Set(granted.filter((id) => id !== null))] };
  }
  const readme = names.find((name) => /^readme(\.|$)/i.test(name));
  const granted = readme === undefined ? null : licenceInText(await read(readme));
  return readme === undefined || granted === null
    ? { files: [], granted: [] }
    : { files: [readme], granted: [granted] };
}

function isLicenceText(name: string, { license }: Record<string, unknown>): boolean {
  if (typeof license === 'string' && license.toLowerCase() === `see license in ${name.toLowerCase()}`)
    return true;
  return /^([a-z\d]+[-_.])?((un)?licen[sc]e|copying)([-_.][^.]+)*(\.(md|markdown|txt|rst|html))?$/i.test(
    name
  );
}
