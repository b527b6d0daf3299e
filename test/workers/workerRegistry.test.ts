import { describe, expect, it, vi } from 'vitest';
import { ValidationError, WorkerRegistry, type Registration } from '../../src/index.ts';
import { SimulatedClock } from '../harness.ts';

describe('WorkerRegistry', () => {
  it('lists workers by status and tags, in order of registration', () => {
    const { registry } = startRegistry();
    registry.register({ id: 'a', tags: ['gpu', 'fast'] });
    registry.register({ id: 'b', status: 'busy', tags: ['gpu'] });
    registry.register({ id: 'c' });

    expect(ids(registry.getWorkers())).toEqual(['a', 'b', 'c']);
    expect(ids(registry.getWorkers({ status: 'idle' }))).toEqual(['a', 'c']);
    expect(ids(registry.getWorkers({ tags: ['gpu'] }))).toEqual(['a', 'b']);
    expect(ids(registry.getWorkers({ tags: ['fast', 'gpu'] }))).toEqual(['a']);
    expect(ids(registry.getWorkers({ status: 'busy', tags: ['fast'] }))).toEqual([]);
  });

  it('keeps what a worker tells of itself, and when it was heard of', async () => {
    const clock = new SimulatedClock();
    using registry = new WorkerRegistry<Registration & { readonly currentTasks: number }>({ clock });
    const at = clock.now();
    const worker = registry.register({ id: 'a', currentTasks: 0 });
    expect(worker).toEqual({
      id: 'a',
      currentTasks: 0,
      status: 'idle',
      tags: [],
      registeredAt: at,
      lastHeartbeatAt: at
    });
    await clock.advance(10);
    expect(registry.heartbeat('a', { status: 'busy', currentTasks: 2 })).toBe(true);

    expect(registry.get('a')).toMatchObject({
      status: 'busy',
      currentTasks: 2,
      registeredAt: at,
      lastHeartbeatAt: at + 10
    });
    await clock.advance(10);
    registry.register({ id: 'a', currentTasks: 1 });
    expect(registry.get('a')).toMatchObject({ status: 'idle', registeredAt: at, lastHeartbeatAt: at + 20 });
    expect(registry.get('b')).toBeNull();
  });

  it('gives copies: changing one changes nothing', () => {
    const { registry } = startRegistry();
    const tags = ['gpu'];
    const worker = registry.register({ id: 'a', tags });
    tags.push('fast');
    (worker.tags as string[]).push('fast');

    expect(registry.get('a')!.tags).toEqual(['gpu']);
  });

  it('lets a worker go that is not heard of in time, and tells it', async () => {
    const { registry, clock, told } = startRegistry();
    registry.register({ id: 'silent' });
    registry.register({ id: 'alive' });
    await clock.advance(600);
    expect(registry.heartbeat('alive')).toBe(true);
    await clock.advance(399);
    expect(told).toEqual(['registered silent', 'registered alive']);
    await clock.advance(1);

    expect(told.slice(2)).toEqual(['expired silent']);
    expect(ids(registry.getWorkers())).toEqual(['alive']);
    expect(registry.heartbeat('silent')).toBe(false);
    await clock.advance(600);
    expect(told.slice(3)).toEqual(['expired alive']);
    expect(clock.pending).toBe(0);
  });

  it('has one timer and one tick however many workers there are', () => {
    const { registry, clock } = startRegistry();
    for (let id = 0; id < 1_000; id++) registry.register({ id: String(id) });

    expect(clock.pending).toBe(2);
  });

  it('lets nobody expire because the process stood still', async () => {
    const { registry, clock } = startRegistry();
    registry.register({ id: 'a' });
    await clock.block(60_000);

    expect(registry.heartbeat('a')).toBe(true);
  });

  it('is left with unregister, once', () => {
    const { registry, clock, told } = startRegistry();
    registry.register({ id: 'a' });

    expect(registry.unregister('a')).toBe(true);
    expect(registry.unregister('a')).toBe(false);
    expect(registry.heartbeat('a')).toBe(false);
    expect(told).toEqual(['registered a', 'unregistered a']);
    expect(clock.pending).toBe(0);
  });

  it('tells the others when a listener throws, and no more once it is disposed of', () => {
    const { registry, told } = startRegistry();
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const subscription = registry.on('unregistered', () => {
      throw new Error('broken');
    });
    const heard: string[] = [];
    registry.on('unregistered', ({ id }) => heard.push(id));
    registry.register({ id: 'a' });
    registry.unregister('a');
    expect(warned).toHaveBeenCalledTimes(1);
    subscription[Symbol.dispose]();
    registry.register({ id: 'b' });
    registry.unregister('b');

    expect(heard).toEqual(['a', 'b']);
    expect(told).toContain('unregistered a');
    expect(warned).toHaveBeenCalledTimes(1);
  });

  it('forgets everybody at stop, tells nobody, and may be used again', async () => {
    const { registry, clock, told } = startRegistry();
    registry.register({ id: 'a' });
    registry.stop();
    registry.stop();
    await clock.advance(5_000);
    expect(registry.getWorkers()).toEqual([]);
    expect(told).toEqual(['registered a']);
    registry.register({ id: 'a' });

    await clock.advance(1_000);
    expect(told).toEqual(['registered a', 'registered a', 'expired a']);
  });

  it('refuses bad input by its name', () => {
    const { registry } = startRegistry();
    const refused: [() => unknown, string][] = [
      [() => new WorkerRegistry({ expiryMs: 0 }), 'options.expiryMs is 0'],
      [() => new WorkerRegistry({ expiry: 1 } as object), 'options.expiry'],
      [() => registry.register(null as unknown as Registration), 'info is null'],
      [() => registry.register({ id: '' }), 'info.id'],
      [() => registry.register({ id: 'a', status: 'lazy' as 'idle' }), 'info.status'],
      [() => registry.register({ id: 'a', tags: 'gpu' as unknown as string[] }), 'info.tags'],
      [() => registry.register({ id: 'a', tags: [''] }), 'info.tags[0]'],
      [() => registry.heartbeat(3 as unknown as string), 'id is 3'],
      [() => registry.heartbeat('a', { id: 'b' } as object), 'change.id'],
      [() => registry.getWorkers({ tag: 'gpu' } as object), 'filter.tag'],
      [() => registry.getWorkers({ status: 'lazy' as 'idle' }), 'filter.status'],
      [() => registry.unregister(''), 'id'],
      [() => registry.on('gone' as 'expired', () => {}), 'event'],
      [() => registry.on('expired', null as unknown as () => void), 'listener is null']
    ];
    for (const [call, message] of refused) {
      expect(call).toThrow(ValidationError);
      expect(call).toThrow(message);
    }
    expect(registry.getWorkers()).toEqual([]);
  });
});

/** A registry with an expiry of 1 s, and what it tells. */
function startRegistry() {
  const clock = new SimulatedClock();
  const registry = new WorkerRegistry({ clock, expiryMs: 1_000 });
  const told: string[] = [];
  for (const event of ['registered', 'expired', 'unregistered'] as const) {
    registry.on(event, ({ id }) => told.push(`${event} ${id}`));
  }
  return { registry, clock, told };
}

function ids(workers: readonly { readonly id: string }[]): string[] {
  return workers.map(({ id }) => id);
}
