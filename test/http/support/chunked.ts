/** Reads what an engine wrote: the pieces of a chunked answer as they were framed. */

/** The chunks of the first answer in the bytes, the last (empty) one left out; stops at whatever is no chunk. */
export function chunksOf(answer: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  for (let position = answer.indexOf("\r\n\r\n") + 4; position < answer.length; ) {
    const line = answer.indexOf("\r\n", position);
    const length = Number.parseInt(answer.toString("latin1", position, line), 16);
    if (!(length > 0)) break;
    chunks.push(answer.subarray(line + 2, line + 2 + length));
    position = line + 4 + length;
  }
  return chunks;
}
