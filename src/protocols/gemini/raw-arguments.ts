/** Takes the calls' `args` out of a chunk as the text they came in: 64-bit integers and key order survive. */
import { watchNames } from "../../base/json-names.ts";
import { findMember, scanArray, scanObject } from "../../base/json-scan.ts";

const CHUNK = watchNames(["candidates"]);
const CANDIDATE = watchNames(["content"]);
const CONTENT = watchNames(["parts"]);
const PART = watchNames(["functionCall"]);
const CALL = watchNames(["args"]);

/** The JSON texts of all `args` members of the chunk (or of an array of chunks), in their order. */
export function argumentsInOrder(data: string): Iterator<string> {
  const bytes = Buffer.from(data);
  const found: string[] = [];
  try {
    const chunks = data.trimStart().startsWith("[")
      ? scanArray(bytes, 0, bytes.length)
      : [{ start: 0, end: bytes.length }];
    for (const chunk of chunks) collect(bytes, chunk, found);
  } catch {
    // Odd but parsable texts (a member twice): the parsed value serves instead.
    return [][Symbol.iterator]();
  }
  return found[Symbol.iterator]();
}

function collect(bytes: Buffer, chunk: { start: number; end: number }, found: string[]): void {
  const candidates = findMember(scanObject(bytes, CHUNK, chunk.start, chunk.end), "candidates");
  if (candidates === undefined) return;
  for (const candidate of scanArray(bytes, candidates.start, candidates.end)) {
    const content = findMember(scanObject(bytes, CANDIDATE, candidate.start, candidate.end), "content");
    if (content === undefined) continue;
    const parts = findMember(scanObject(bytes, CONTENT, content.start, content.end), "parts");
    if (parts === undefined) continue;
    for (const part of scanArray(bytes, parts.start, parts.end)) {
      const call = findMember(scanObject(bytes, PART, part.start, part.end), "functionCall");
      if (call === undefined) continue;
      const args = findMember(scanObject(bytes, CALL, call.start, call.end), "args");
      if (args !== undefined) found.push(bytes.toString("utf8", args.start, args.end));
    }
  }
}
