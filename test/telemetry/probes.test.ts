import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compiledFolder } from '../../reliability/compiled.ts';
import { FleetManager, memoryStore, MissingPeerError, StoreError, ValidationError } from '../../src/index.ts';
import { createTelemetry } from '../../src/telemetry.ts';
import { faultyStore, gate, settled, startFleet } from '../harness.ts';

const ask = async (telemetry: ReturnType<typeof createTelemetry>, path: string, method = 'GET') => {
  const response = await telemetry.handler(new Request(`http://localhost${path}`, { method }));
  return { status: response.status, text: await response.text(), headers: response.headers };
};

describe('the handler of telemetry', () => {
  it('is ready while the fleet runs or is paused, and says otherwise why not', async () => {
    const telemetry = createTelemetry();
    const states: unknown[] = [];
    const look = async (): Promise<void> => {
      const { status, text } = await ask(telemetry, '/readyz');
      const { fleets } = JSON.parse(text) as { fleets: { state: string; reason: string | null }[] };
      states.push([status, ...fleets.map(({ state, reason }) => [state, reason])]);
      expect((await ask(telemetry, '/healthz')).status).toBe(200);
    };
    await look();
    const opening = gate();
    const inner = memoryStore();
    const store = {
      ...inner,
      open: async (scope: string, owner: string) => (await opening.promise, inner.open(scope, owner))
    };
    const hanging = gate();
    const fleet = new FleetManager({
      telemetry,
      store,
      handlers: { work: () => hanging.promise as Promise<unknown> }
    });
    await look();
    const starting = fleet.start();
    await settled();
    await look();
    opening.open();
    await starting;
    await look();
    await fleet.pause();
    await look();
    await fleet.resume();
    await fleet.submitAsync('work', null);
    await settled();
    const stopping = fleet.stop();
    await settled();
    await look();
    hanging.open();
    await stopping;
    await look();
    expect(states).toEqual([
      [503],
      [503, ['stopped', 'The fleet is stopped']],
      [503, ['recovering', 'The fleet is recovering']],
      [200, ['running', null]],
      [200, ['paused', null]],
      [503, ['draining', 'The fleet is draining']],
      [503, ['stopped', 'The fleet is stopped']]
    ]);
  });

  it('is ready while those of its fleets are that have not ended: others may run elsewhere', async () => {
    const telemetry = createTelemetry();
    const mail = (await startFleet({ telemetry, name: 'mail', handlers: {} })).fleet;
    const images = (await startFleet({ telemetry, name: 'images', handlers: {} })).fleet;
    const damaged = new FleetManager({
      telemetry,
      name: 'damaged',
      handlers: {},
      store: { ...memoryStore(), open: () => Promise.reject(new Error('damaged')) }
    });
    const names = async (): Promise<unknown> => {
      const { status, text } = await ask(telemetry, '/readyz');
      const { fleets } = JSON.parse(text) as { fleets: { fleet: string }[] };
      return [status, ...fleets.map(({ fleet }) => fleet)];
    };
    expect(await names()).toEqual([503, 'mail', 'images', 'damaged']);
    await expect(damaged.start()).rejects.toThrow('damaged');
    expect(await names()).toEqual([200, 'mail', 'images']);
    await mail.stop();
    expect(await names()).toEqual([200, 'images']);
    await mail.start();
    expect(await names()).toEqual([200, 'mail', 'images']);
    await Promise.all([mail.stop(), images.stop()]);
    expect(await names()).toEqual([503, 'mail', 'images', 'damaged']);
  });

  it('is not ready while the store takes no commits, and says no more of it than a code', async () => {
    const telemetry = createTelemetry();
    const { store, next } = faultyStore();
    const { fleet, clock } = await startFleet({ telemetry, store, handlers: { work: () => 1 } });
    next(() => Promise.reject(new StoreError('ERR_STORE_FULL', 'no room in /secret/place', 'refused')));
    const refused = fleet.submitAsync('work', null).catch(() => {});
    await settled();
    const { status, text } = await ask(telemetry, '/readyz');
    expect([status, JSON.parse(text)]).toEqual([
      503,
      {
        status: 'unready',
        fleets: [{ fleet: 'test', state: 'running', reason: 'The store is unavailable: ERR_STORE_FULL' }]
      }
    ]);
    await clock.advance(100);
    await settled();
    await refused;
    expect((await ask(telemetry, '/readyz')).status).toBe(200);
    await fleet.stop();
  });

  it('answers below a prefix, and refuses what it does not know', async () => {
    const telemetry = createTelemetry({ prometheus: true });
    expect(await ask(telemetry, '/ops/metrics')).toMatchObject({ status: 200 });
    expect(await ask(telemetry, '/healthz', 'HEAD')).toMatchObject({ status: 200 });
    expect(await ask(telemetry, '/healthz', 'POST')).toMatchObject({ status: 405 });
    expect(await ask(telemetry, '/other')).toMatchObject({ status: 404 });
    expect(await ask(createTelemetry(), '/metrics')).toMatchObject({ status: 404 });
  });
});

describe('the live page of a fleet', () => {
  const token = 'a-token-of-the-test-1234';

  it('has the probes without a token, and metrics where reading needs none', async () => {
    const telemetry = createTelemetry({ prometheus: true });
    const { fleet } = await startFleet({ telemetry, handlers: {} });
    await using page = await fleet.serve({ token });
    for (const path of ['healthz', 'readyz', 'metrics']) {
      expect([path, (await fetch(`${page.url}${path}`)).status]).toEqual([path, 200]);
    }
    await fleet.stop();
  });

  it('asks for the token of metrics where reading needs it, unless they are open', async () => {
    const telemetry = createTelemetry({ prometheus: true });
    const { fleet } = await startFleet({ telemetry, handlers: {} });
    await using page = await fleet.serve({ token, protectReads: true });
    await using open = await fleet.serve({ token, protectReads: true, openMetrics: true });
    const authorized = { headers: { authorization: `Bearer ${token}` } };
    expect((await fetch(`${page.url}metrics`)).status).toBe(401);
    expect((await fetch(`${page.url}readyz`)).status).toBe(200);
    expect(await (await fetch(`${page.url}metrics`, authorized)).text()).toContain('xstate_fleet_ready');
    expect((await fetch(`${open.url}metrics`)).status).toBe(200);
    await fleet.stop();
  });

  it('says how to be measured where it is not', async () => {
    const { fleet } = await startFleet({ handlers: {} });
    await using page = await fleet.serve({ token });
    const response = await fetch(`${page.url}metrics`);
    expect([response.status, await response.text()]).toEqual([
      404,
      expect.stringContaining('createTelemetry')
    ]);
    await fleet.stop();
  });
});

describe('telemetry', () => {
  it('refuses what it cannot use, by the name of the option', () => {
    expect(() => createTelemetry({ traces: { tracerProvider: {} } } as never)).toThrow(ValidationError);
    expect(() => createTelemetry({ spans: true } as never)).toThrow(/options\.spans/);
    expect(() => new FleetManager({ handlers: {}, telemetry: {} as never })).toThrow(/options\.telemetry/);
  });

  it.each([
    ['@opentelemetry/api', '{ traces: true }'],
    ['@opentelemetry/api', '{ metrics: true }'],
    ['prom-client', '{ prometheus: true }']
  ])('names the package %s where it is not installed, for %s', (name, options) => {
    const program = `
      const { default: { Module } } = await import('node:module').then((m) => ({ default: m }));
      const resolve = Module._resolveFilename;
      Module._resolveFilename = function (request, ...rest) {
        if (request === ${JSON.stringify(name)}) throw Object.assign(new Error('none'), { code: 'MODULE_NOT_FOUND' });
        return resolve.call(this, request, ...rest);
      };
      const { createTelemetry } = await import('./src/telemetry.js');
      try { createTelemetry(${options}); } catch ({ code, package: name }) { console.log(code, name); }`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: compiledFolder(),
      encoding: 'utf8'
    });
    expect([stdout, stderr]).toEqual([`ERR_MISSING_PEER ${name}\n`, '']);
    expect(new MissingPeerError('x', 'y').message).toContain('npm install x');
  });

  it('is not loaded by a fleet that does not use it, nor is what it is made of', () => {
    const program = `
      import { Module } from 'node:module';
      const required = [];
      const load = Module._load;
      Module._load = function (request, ...rest) { required.push(request); return load.call(this, request, ...rest); };
      const { FleetManager } = await import('./src/index.js');
      const fleet = new FleetManager({ handlers: { work: () => 1 } });
      await fleet.start();
      await fleet.submit('work', 1);
      await fleet.stop();
      console.log(JSON.stringify(required));`;
    const loader = `
      export async function load(url, context, next) { process._rawDebug('loaded ' + url); return next(url, context); }`;
    const register = `
      import { register } from 'node:module';
      register('data:text/javascript,' + ${JSON.stringify(encodeURIComponent(loader))});`;
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [
        '--import',
        `data:text/javascript,${encodeURIComponent(register)}`,
        '--input-type=module',
        '-e',
        program
      ],
      { cwd: compiledFolder(), encoding: 'utf8' }
    );
    const loaded = stderr.split('\n').filter((line) => line.startsWith('loaded '));
    expect(loaded.some((line) => line.includes(join('src', 'fleetManager.js')))).toBe(true);
    const unwanted = /\/src\/telemetry[./]|\/node_modules\/(?:@opentelemetry|prom-client)\//;
    expect(loaded.filter((line) => unwanted.test(line))).toEqual([]);
    expect(JSON.parse(stdout)).not.toContain('@opentelemetry/api');
  });
});
