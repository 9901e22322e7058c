/** Values that must never appear in what is written: found among its bytes, replaced in its text. */

/** Shorter secrets would blank out ordinary words. */
const MIN_SECRET_LENGTH = 6;

interface Secret {
  readonly text: string;
  readonly bytes: Buffer;
  /** Bytes of it that are searched for first: most of what is written does not even hold them. */
  readonly clue: Buffer;
}

/** Node searches for so few bytes several times as fast as for more. */
const CLUE_LENGTH = MIN_SECRET_LENGTH;

/** Of what most lines are made: the search for a clue stops wherever its first byte stands. */
const USUAL_LINE =
  '{"level":"info","time":0123456789,"msg":"request","request_id":"slc-0123456789abcdef","key_id":"","peer":"",' +
  '"operation":"chat","protocol_in":"openai-chat","model":"","target":"/","status":200,"stream":false,' +
  '"attempts":[{"target":"/","ms":1.2}],"ttft_ms":3.4,"duration_ms":5.6,"bytes_in":78,"bytes_out":90,' +
  '"usage":{"input":12,"cached":0,"output":34,"reasoning":0}}\n';

export interface Secrets {
  areIn(bytes: Buffer): boolean;
  /** The text with "[redacted]" in their place. */
  cut(text: string): string;
}

export function createSecrets(values: readonly string[]): Secrets {
  // Logged text is JSON: a secret with a quote in it shows up escaped.
  const spellings = new Set(values.flatMap((value) => [value, JSON.stringify(value).slice(1, -1)]));
  const secrets: readonly Secret[] = [...spellings]
    .filter((text) => text.length >= MIN_SECRET_LENGTH)
    .map((text) => {
      const bytes = Buffer.from(text);
      return { text, bytes, clue: rarestPart(bytes) };
    });
  return {
    areIn: (bytes) => secrets.some((secret) => bytes.includes(secret.clue) && bytes.includes(secret.bytes)),
    cut(text) {
      let clean = text;
      for (const secret of secrets) clean = clean.replaceAll(secret.text, "[redacted]");
      return clean;
    },
  };
}

/** The part whose first byte is the rarest in lines. */
function rarestPart(bytes: Buffer): Buffer {
  let rarest = 0;
  let fewest = Number.POSITIVE_INFINITY;
  for (let i = 0; i + CLUE_LENGTH <= bytes.length; i++) {
    const count = USUAL_LINE.split(String.fromCharCode(bytes[i] ?? 0)).length;
    if (count >= fewest) continue;
    rarest = i;
    fewest = count;
  }
  return bytes.subarray(rarest, rarest + CLUE_LENGTH);
}
