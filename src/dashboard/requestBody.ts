import { assertObject } from '../validation/validation.ts';
import { Refusal } from './refusal.ts';

const maxBytes = 16_384;

/** The JSON object that a request carries; `{}` where it carries nothing. @throws {Refusal} @throws {ValidationError} */
export async function readJsonBody(request: Request): Promise<Readonly<Record<string, unknown>>> {
  const text = await readText(request);
  if (text === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refusal(400, 'ERR_REQUEST', 'The body is no JSON');
  }
  assertObject('body', value);
  return value;
}

/** What is too long is not read to its end: the connection is closed. */
async function readText({ body, headers }: Request): Promise<string> {
  if (Number(headers.get('content-length') ?? 0) > maxBytes) throw tooLarge();
  if (body === null) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength;
      if (bytes > maxBytes) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof Refusal) throw error;
    // Its sender left, sent no proper chunks or took too long: nothing that whoever runs the fleet should hear of.
    throw new Refusal(400, 'ERR_REQUEST', 'The body was cut off');
  }
  return Buffer.concat(chunks).toString();
}

function tooLarge(): Refusal {
  return new Refusal(413, 'ERR_BODY_SIZE', `The body is larger than ${maxBytes} bytes`, {
    connection: 'close'
  });
}
