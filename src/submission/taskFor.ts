import type { DataOf, Handlers } from '../handlers/handler.ts';
import type { Task } from './task.ts';

/** Any task that the handlers can run. */
export type TaskFor<THandlers extends Handlers> = {
  [TType in keyof THandlers & string]: Task<TType, DataOf<THandlers[TType]>>;
}[keyof THandlers & string];
