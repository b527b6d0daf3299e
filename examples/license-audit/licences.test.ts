import { describe, expect, it } from 'vitest';
import { declaredLicence, familyOf, licenceInText, type LicenceFamily } from './licences.ts';

describe('declaredLicence', () => {
  it.each<[manifest: Record<string, unknown>, licence: string | null]>([
    [{ license: 'MIT' }, 'MIT'],
    [{ license: '(MIT OR Apache-2.0)' }, '(MIT OR Apache-2.0)'],
    [{ license: 'UNLICENSED' }, 'UNLICENSED'],
    [{}, null],
    [{ license: '' }, null],
    [{ license: null }, null],
    [{ license: 42 }, null],
    [{ license: 'SEE LICENSE IN terms.txt' }, null],
    // Legacy
    [{ license: { type: 'ISC', url: 'https://example.com' } }, 'ISC'],
    [{ licenses: [{ type: 'MIT' }] }, 'MIT'],
    [{ licenses: [{ type: 'MIT' }, { type: 'GPLv2' }] }, '(MIT OR GPL-2.0-only)'],
    [{ licenses: [] }, null],
    // Other spellings
    [{ license: 'The MIT License' }, 'MIT'],
    [{ license: 'MIT/X11' }, 'MIT'],
    [{ license: 'Apache 2.0' }, 'Apache-2.0'],
    [{ license: 'Apache License, Version 2.0' }, 'Apache-2.0'],
    [{ license: 'New BSD License' }, 'BSD-3-Clause'],
    [{ license: 'LGPL-2.1+' }, 'LGPL-2.1-or-later'],
    [{ license: 'GPL-3.0' }, 'GPL-3.0-only']
  ])('reads %j as %j', (manifest, licence) => {
    expect(declaredLicence(manifest)).toBe(licence);
  });
});

describe('licenceInText', () => {
  it.each<[text: string, licence: string | null]>([
    [mit('The above copyright notice shall be included in all copies'), 'MIT'],
    [mit(''), 'MIT-0'],
    [isc('provided that the above copyright notice appear'), 'ISC'],
    [isc(''), '0BSD'],
    ['Redistribution and use in source and binary forms', 'BSD-2-Clause'],
    ['Redistribution and use in source and binary forms … Neither the name of X', 'BSD-3-Clause'],
    ['  Apache License\n     Version 2.0, January 2004', 'Apache-2.0'],
    ['Mozilla Public License Version 2.0', 'MPL-2.0'],
    ['GNU LESSER GENERAL PUBLIC LICENSE\n  Version 3, 29 June 2007', 'LGPL-3.0-only'],
    ['GNU AFFERO GENERAL PUBLIC LICENSE Version 3', 'AGPL-3.0-only'],
    ['All rights reserved.', null],
    ['', null]
  ])('takes %j for %j', (text, licence) => {
    expect(licenceInText(text)).toBe(licence);
  });

  it('takes the first of several: those of bundled packages follow', () => {
    expect(licenceInText(`Apache License Version 2.0 … ${mit('included in all copies')}`)).toBe('Apache-2.0');
  });

  it('sees through line breaks and comment marks', () => {
    const text = ' * Permission is hereby granted,\n * free of charge, to any\n * person obtaining a copy';
    expect(licenceInText(text)).toBe('MIT-0');
  });
});

describe('familyOf', () => {
  it.each<[expression: string, family: LicenceFamily]>([
    ['MIT', 'permissive'],
    ['CC-BY-4.0', 'permissive'],
    ['MPL-2.0', 'weak copyleft'],
    ['LGPL-3.0-or-later', 'weak copyleft'],
    ['GPL-2.0-only', 'strong copyleft'],
    ['AGPL-3.0-only', 'strong copyleft'],
    ['UNLICENSED', 'unknown'],
    ['BUSL-1.1', 'unknown'],
    // A choice is as good as its best, a sum as bad as its worst.
    ['MIT OR GPL-3.0-only', 'permissive'],
    ['MIT AND GPL-3.0-only', 'strong copyleft'],
    ['MIT OR UNLICENSED', 'permissive'],
    ['(MPL-2.0 OR Apache-2.0) AND MIT', 'permissive'],
    ['MPL-2.0 OR Apache-2.0 AND GPL-3.0-only', 'weak copyleft'],
    ['Apache-2.0 WITH LLVM-exception', 'permissive'],
    // No expressions
    ['', 'unknown'],
    ['MIT OR', 'unknown'],
    ['AND MIT', 'unknown'],
    ['MIT WITH', 'unknown'],
    ['MIT)', 'unknown'],
    ['(MIT', 'unknown'],
    ['MIT GPL', 'unknown'],
    ['Our own licence', 'unknown']
  ])('%j is %s', (expression, family) => {
    expect(familyOf(expression)).toBe(family);
  });
});

function mit(rest: string): string {
  return `Permission is hereby granted, free of charge, to any person obtaining a copy of this. ${rest}`;
}

function isc(rest: string): string {
  return `Permission to use, copy, modify, and/or distribute this software for any purpose … ${rest}`;
}
