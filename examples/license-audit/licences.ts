/** What a licence asks of those who ship the package. From the most to the least liberal; unknown is the worst. */
export const licenceFamilies = ['permissive', 'weak copyleft', 'strong copyleft', 'unknown'] as const;

export type LicenceFamily = (typeof licenceFamilies)[number];

/**
 * The licence that a manifest declares, in the spelling of SPDX: `license`, or one of the legacy forms of it.
 *
 * @returns `null` when it declares none, or only names a file (`SEE LICENSE IN …`).
 */
export function declaredLicence({ license, licenses }: Record<string, unknown>): string | null {
  const declared = [license ?? licenses]
    .flat()
    .map((entry: unknown) => (isTyped(entry) ? entry.type : entry))
    .filter((entry) => typeof entry === 'string' && entry.trim() !== '' && !/^see licen[sc]e in/i.test(entry))
    .map((entry) => toSpdx(entry as string));
  if (declared.length === 0) return null;
  // Several licences in the legacy list were meant as a choice.
  return declared.length === 1 ? declared[0]! : `(${declared.join(' OR ')})`;
}

/** The licence that a text grants first, by its characteristic phrases; `null` when it has none of them. */
export function licenceInText(text: string): string | null {
  const plain = text.replace(/[\s*#>|]+/g, ' ');
  let found: string | null = null;
  let foundAt = Infinity;
  for (const [phrase, id] of phrases) {
    const at = plain.search(phrase);
    if (at < 0 || at >= foundAt) continue;
    foundAt = at;
    found = typeof id === 'string' ? id : id(plain.slice(at, at + 2_000));
  }
  return found;
}

/**
 * The family of an SPDX expression: of a choice (`OR`) the most liberal one, of a sum (`AND`) the least. An
 * exception (`WITH`) is not taken into account.
 *
 * @returns `unknown` for what is no expression, too.
 */
export function familyOf(expression: string): LicenceFamily {
  const tokens = expression.match(/[()]|[^\s()]+/g) ?? [];
  let isExpression = true;

  const choice = (): number => {
    let best = sum();
    while (take('OR')) best = Math.min(best, sum());
    return best;
  };
  const sum = (): number => {
    let worst = term();
    while (take('AND')) worst = Math.max(worst, term());
    return worst;
  };
  const term = (): number => {
    if (take('(')) {
      const rank = choice();
      isExpression &&= take(')');
      return rank;
    }
    const rank = rankOf(id());
    if (take('WITH')) id();
    return rank;
  };
  const id = (): string => {
    const token = tokens.shift();
    isExpression &&= token !== undefined && !/^(AND|OR|WITH|[()])$/.test(token);
    return token ?? '';
  };
  const take = (token: string): boolean => tokens[0] === token && tokens.shift() !== undefined;

  const rank = choice();
  return licenceFamilies[isExpression && tokens.length === 0 ? rank : unknown]!;
}

const unknown = licenceFamilies.indexOf('unknown');

function rankOf(id: string): number {
  const rank = families.findIndex((ids) => ids.test(id));
  return rank < 0 ? unknown : rank;
}

/** Ids of each family, in the order of {@link licenceFamilies}. */
const families: readonly RegExp[] = [
  /^(0BSD|AFL-.*|Apache-.*|Artistic-.*|BlueOak-.*|BSD|BSD-.*|BSL-1\.0|CC0-.*|CC-BY-\d.*|ISC|MIT|MIT-0|NCSA|PostgreSQL|PSF-.*|Python-.*|Unicode-.*|Unlicense|UPL-.*|W3C.*|WTFPL|X11|Zlib)$/,
  /^(CDDL|CPL|EPL|LGPL|MPL|MS-RL)-?.*$/,
  /^(AGPL|CC-BY-SA|EUPL|GPL|OSL|SSPL)-?.*$/
];

function toSpdx(declared: string): string {
  const text = declared.trim();
  for (const [spelling, id] of spellings) if (spelling.test(text)) return id;
  const gnu = /^([AL]?GPL)[- ]?v?(\d)(\.\d)?(\+|-or-later)?(-only)?$/i.exec(text);
  if (gnu === null) return text;
  const [, name, major, minor = '.0', orLater] = gnu;
  return `${name!.toUpperCase()}-${major}${minor}-${orLater === undefined ? 'only' : 'or-later'}`;
}

/** How manifests spell what SPDX has an id for. */
const spellings: readonly (readonly [RegExp, string])[] = [
  [/^(the )?mit([ -]licen[sc]e|\/x11)?( \(mit\))?$/i, 'MIT'],
  [/^(the )?isc([ -]licen[sc]e)?( \(isc\))?$/i, 'ISC'],
  [/^(the )?apache([ -]software)?([ -]licen[sc]e)?,?[ -]*(version |v)?[ -]*2(\.0)?$/i, 'Apache-2.0'],
  [/^((new|modified|revised|3-clause) bsd|bsd[- ]?3)([ -]clause)?([ -]licen[sc]e)?$/i, 'BSD-3-Clause'],
  [/^((simplified|freebsd|2-clause) bsd|bsd[- ]?2)([ -]clause)?([ -]licen[sc]e)?$/i, 'BSD-2-Clause'],
  [/^(the )?unlicen[sc]e$/i, 'Unlicense'],
  [/^(mozilla public licen[sc]e|mpl)[ -]?(version |v)?2(\.0)?$/i, 'MPL-2.0'],
  [/^cc0([ -]1\.0)?$/i, 'CC0-1.0']
];

/** Which words only one licence has. The id may depend on what follows them. */
const phrases: readonly (readonly [RegExp, string | ((text: string) => string)])[] = [
  [/Permission is hereby granted, free of charge, to any person obtaining a copy/i, mitOrX11],
  [/Permission to use, copy, modify,? and(\/or)? distribute this software for any purpose/i, iscOrZero],
  [/Redistribution and use in source and binary forms/i, bsdOf],
  [/Apache License,? Version 2\.0/i, 'Apache-2.0'],
  [/Mozilla Public License,? (Version|v\.?) ?2\.0/i, 'MPL-2.0'],
  [/Eclipse Public License ?-? ?v(ersion)? ?2\.0/i, 'EPL-2.0'],
  [/Blue Oak Model License Version 1\.0\.0/i, 'BlueOak-1.0.0'],
  [/GNU Affero General Public License Version 3/i, 'AGPL-3.0-only'],
  [/GNU Lesser General Public License Version 3/i, 'LGPL-3.0-only'],
  [/GNU Lesser General Public License Version 2\.1/i, 'LGPL-2.1-only'],
  [/GNU General Public License Version 3/i, 'GPL-3.0-only'],
  [/GNU General Public License Version 2/i, 'GPL-2.0-only'],
  [/This is free and unencumbered software released into the public domain/i, 'Unlicense'],
  [/altered source versions must be plainly marked as such/i, 'Zlib'],
  [/Creative Commons (Legal Code )?CC0 1\.0 Universal/i, 'CC0-1.0'],
  [/Python Software Foundation License Version 2/i, 'Python-2.0'],
  [/Do What The F\S+ You Want To Public License/i, 'WTFPL']
];

function mitOrX11(text: string): string {
  return /shall be included in all copies/i.test(text) ? 'MIT' : 'MIT-0';
}

function iscOrZero(text: string): string {
  return /provided that the above copyright notice/i.test(text) ? 'ISC' : '0BSD';
}

function bsdOf(text: string): string {
  if (/All advertising materials/i.test(text)) return 'BSD-4-Clause';
  return /Neither the names? of/i.test(text) ? 'BSD-3-Clause' : 'BSD-2-Clause';
}

function isTyped(entry: unknown): entry is { readonly type: unknown } {
  return typeof entry === 'object' && entry !== null && 'type' in entry;
}
