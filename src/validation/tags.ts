import { noTags } from '../../machines/tags.ts';
import { limits } from './limits.ts';
import { assertId, readItems, refuse } from './validation.ts';

/** Tags that somebody else made, sorted. @throws {ValidationError} unless they are few, short and distinct. */
export function readTags(argument: string, value: unknown): readonly string[] {
  const tags = readItems(argument, value, limits.tags);
  for (const [index, tag] of tags.entries()) {
    const path = `${argument}[${index}]`;
    assertId(path, tag);
    if (tag.length > limits.tagLength) refuse(path, tag, `at most ${limits.tagLength} characters`);
    if (tags.indexOf(tag) < index) refuse(path, tag, 'distinct from the tags before it');
  }
  return tags.length === 0 ? noTags : (tags as string[]).sort();
}

/** Names a set of tags. @param tags - Sorted. */
export function tagsKey(tags: readonly string[]): string {
  // No id holds a line end.
  return tags.join('\n');
}

/** Whether a worker that offers `offered` may take a task with `tags`. */
export function covers(offered: ReadonlySet<string>, tags: readonly string[]): boolean {
  return tags.every((tag) => offered.has(tag));
}
