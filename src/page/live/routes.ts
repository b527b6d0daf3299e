/**
 * Where the server has a task or a batch.
 *
 * @param id - A key or an id. The browser would take `.` and `..` out of a path, so they go beside it.
 * @param action - What is to be done with it; none: it is read.
 */
export function routeOf(list: 'tasks' | 'batches', id: string, action?: string): string {
  const isInPath = id !== '.' && id !== '..';
  const path = `/api/${list}/${isInPath ? encodeURIComponent(id) : '-'}`;
  return `${path}${action === undefined ? '' : `/${action}`}${isInPath ? '' : `?id=${id}`}`;
}
