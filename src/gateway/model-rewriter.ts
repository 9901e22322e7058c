/** Puts the alias in place of the model's name in answers (`echo_alias`), by splicing bytes. */

const NEEDLE = Buffer.from('"model"');

/** Rewrites the first `"model": "…"` of each piece; pieces without one pass as they are. */
export function createModelRewriter(alias: string): (bytes: Buffer) => Buffer {
  const replacement = Buffer.from(JSON.stringify(alias));
  return (bytes) => {
    const pieces: Buffer[] = [];
    let from = 0;
    for (let at = bytes.indexOf(NEEDLE); at >= 0; at = bytes.indexOf(NEEDLE, at + NEEDLE.length)) {
      const start = valueStart(bytes, at + NEEDLE.length);
      if (start < 0) continue;
      const end = bytes.indexOf(0x22, start + 1);
      // A name with an escape in it is none of a model's.
      if (end < 0 || bytes.subarray(start, end).includes(0x5c)) continue;
      pieces.push(bytes.subarray(from, start), replacement);
      from = end + 1;
    }
    if (pieces.length === 0) return bytes;
    pieces.push(bytes.subarray(from));
    return Buffer.concat(pieces);
  };
}

/** The opening quote behind the colon; -1 when the value is no string, or the name stood inside a text. */
function valueStart(bytes: Buffer, after: number): number {
  let at = after;
  while (bytes[at] === 0x20) at++;
  if (bytes[at] !== 0x3a) return -1;
  at++;
  while (bytes[at] === 0x20) at++;
  return bytes[at] === 0x22 ? at : -1;
}
