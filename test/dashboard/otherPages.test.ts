import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FleetManager, memoryStore } from '../../src/index.ts';
import { needing } from '../missing.ts';
import { launchBrowser, noBrowser } from '../page/browser.ts';

describe('in a browser whose reader has a session, another page', needing(noBrowser), () => {
  it('on another port of the same host does nothing, reads nothing and frames nothing', async () => {
    const { fleet, url, page } = await signedIn();
    await page.goto(await otherServer());
    const attempts = (await page.evaluate(attack(url))) as Record<string, string>;
    expect(attempts).toEqual({
      json: 'TypeError',
      text: 'TypeError',
      read: 'TypeError',
      preflight: 'TypeError',
      stream: 'error',
      script: 'error'
    });
    expect(page.frames().map((frame) => frame.url())).not.toContain(url);
    // What it sent was not taken: all that comes to the fleet comes in order.
    await fleet.submitAsync('echo', 1, { id: 'a' });
    expect(fleet.actor.getSnapshot().value.operation).toBe('running');
  });

  it('under another name of this machine is not the page', async () => {
    const { url, page } = await signedIn();
    const renamed = url.replace('127.0.0.1', 'evil.localhost');
    expect((await page.goto(renamed))?.status()).toBe(421);
    expect((await page.goto(`${renamed}api/tasks`))?.status()).toBe(421);
  });

  it('at its own place is the page, with the session that no script of it can read', async () => {
    const { fleet, page } = await signedIn();
    const pause = `fetch('/api/fleet/pause', ${JSON.stringify(json)}).then(({ status }) => status)`;
    expect(await page.evaluate(pause)).toBe(200);
    expect(fleet.actor.getSnapshot().value.operation).toBe('paused');
    expect(await page.evaluate('document.cookie')).toBe('');
  });
});

const json = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };

/** A served fleet, and a browser with a session of it. */
async function signedIn() {
  const fleet = new FleetManager({ store: memoryStore(), handlers: { echo: (data: number) => data } });
  onTestFinished(() => fleet.stop({ graceful: false }));
  await fleet.start();
  const { url, token } = await fleet.serve();
  const browser = await launchBrowser();
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  await page.goto(url);
  const session = { ...json, body: JSON.stringify({ token }) };
  const status = await page.evaluate(
    `fetch('/api/session', ${JSON.stringify(session)}).then(({ status }) => status)`
  );
  expect(status).toBe(200);
  return { fleet, url, page };
}

/** @returns Where a page of somebody else is. */
async function otherServer(): Promise<string> {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/html').end('<!doctype html><title>other</title>');
  });
  onTestFinished(() => void server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** A script that tries all that pages can have a browser send, with the reader's cookies, and tells what came of each. */
function attack(url: string): string {
  return `(async () => {
    const url = ${JSON.stringify(url)};
    const told = (answer) => answer.then(({ type, status }) => (type === 'opaque' ? type : String(status)), ({ name }) => name);
    const send = (path, init) => told(fetch(url + path, { credentials: 'include', ...init }));
    const pause = 'api/fleet/pause';
    const ended = (element) => new Promise((resolve) => {
      element.onload = () => resolve('loaded');
      element.onerror = () => resolve('error');
    });
    const element = (name, fields) => Object.assign(document.createElement(name), fields);
    const script = element('script', { src: url + 'page.js' });
    const frame = element('iframe', { src: url });
    const target = element('iframe', { name: 'target' });
    const form = element('form', { action: url + pause, method: 'post', enctype: 'text/plain', target: 'target' });
    form.append(element('input', { name: '{"a":"', value: '"}' }));
    const [scripted, framed] = [ended(script), ended(frame)];
    document.body.append(script, frame, target, form);
    await framed;
    const submitted = ended(target);
    form.submit();
    await submitted;
    return {
      json: await send(pause, ${JSON.stringify(json)}),
      text: await send(pause, { method: 'POST', mode: 'no-cors', headers: { 'content-type': 'text/plain' }, body: '{}' }),
      read: await send('api/tasks', {}),
      preflight: await send(pause, { method: 'POST', headers: { authorization: 'Bearer x' } }),
      stream: await new Promise((resolve) => {
        const stream = new EventSource(url + 'api/events', { withCredentials: true });
        stream.onopen = () => resolve('open');
        stream.onerror = () => resolve('error');
      }),
      script: await scripted
    };
  })()`;
}
