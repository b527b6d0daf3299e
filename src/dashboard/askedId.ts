import type { PageContext } from './pageEnv.ts';

/**
 * Which task or batch a request is about.
 *
 * `.` and `..` are allowed as ids, but a path cannot hold them, however they are encoded: browsers and servers take them
 * away. They come as `/api/batches/-/pause?id=..`.
 *
 * @returns The id or key, decoded; empty where the route has none.
 */
export function askedId({ req }: PageContext): string {
  const inPath = req.param('id') ?? '';
  return inPath === '-' ? (req.query('id') ?? inPath) : inPath;
}
