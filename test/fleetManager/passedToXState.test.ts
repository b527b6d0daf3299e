import { describe, expect, it } from 'vitest';
import { FleetManager, ValidationError } from '../../src/index.ts';
import { startFleet } from '../harness.ts';

describe('what is passed to XState', () => {
  it('names the actor of the fleet in its system', async () => {
    const { fleet } = await startFleet({ handlers: {}, systemId: 'images' });
    expect(fleet.actor.system.get('images')).toBe(fleet.actor);
    await fleet.stop();
  });

  it('is the logger of the actor', async () => {
    const lines: unknown[] = [];
    const { fleet } = await startFleet({ handlers: {}, logger: (...args) => lines.push(...args) });
    (fleet.actor as unknown as { logger: (line: string) => void }).logger('a line');
    expect(lines).toEqual(['a line']);
    await fleet.stop();
  });

  it.each([{ logger: 'console' }, { systemId: '' }])('refuses %o', (options) => {
    expect(() => new FleetManager({ handlers: {}, ...(options as object) })).toThrow(ValidationError);
  });
});

describe('config', () => {
  it('is the one in force, and there while the fleet runs', async () => {
    const { fleet } = await startFleet({ handlers: {}, config: { maxRetries: 7 } });
    await fleet.updateConfig({ workerTimeout: 1_000 });
    expect(fleet.config).toMatchObject({ maxRetries: 7, workerTimeout: 1_000, maxConcurrentWorkers: 10 });
    await fleet.stop();
    expect(() => fleet.config).toThrow(/is stopped/);
  });
});
