import type { InspectionEvent } from 'xstate';
import type { ShadowActor } from '../../src/inspection/shadowActor.ts';

/** What an inspector was told of rows, as lines: `task:a running <- attempt.started`. */
export function rowLog() {
  const lines: string[] = [];
  const live = new Set<string>();
  let most = 0;
  return {
    lines,
    /** Those that are followed now. */
    live,
    /** The largest number that was followed at a time. */
    get most() {
      return most;
    },
    /** The lines of one row. */
    of: (id: string) =>
      lines.filter((line) => line.startsWith(`${id} `)).map((line) => line.slice(id.length + 1)),
    /** Takes the lines so far. */
    take: () => lines.splice(0),
    inspect(event: InspectionEvent): void {
      const shadow = shadowOf(event);
      if (shadow === null) return;
      if (event.type === '@xstate.actor') {
        live.add(shadow.id);
        most = Math.max(most, live.size);
      }
      if (event.type !== '@xstate.snapshot') return;
      const { value, status } = event.snapshot as unknown as { value: string; status: string };
      if (status !== 'active') live.delete(shadow.id);
      const ending = status === 'active' ? '' : ` (${status})`;
      lines.push(`${shadow.id} ${value}${ending} <- ${event.event.type}`);
    }
  };
}

/** The shadow that an event is about; `null`: it is about an actor of XState. */
export function shadowOf({ actorRef }: InspectionEvent): ShadowActor | null {
  return /\/(task|batch|schedule):/.test(actorRef.sessionId) ? (actorRef as ShadowActor) : null;
}
