import { startPostgres } from './test/servers/postgres.ts';
import { writeFileSync } from 'node:fs';
const s = await startPostgres({ mayFetch: false });
writeFileSync('/tmp/w/s9/hosttry/url', s.url);
const end = setTimeout(() => {}, 290_000);
await new Promise<void>((r) => { process.on('SIGTERM', () => r()); setTimeout(r, 285_000); });
clearTimeout(end);
await s.stop();
process.exit(0);
