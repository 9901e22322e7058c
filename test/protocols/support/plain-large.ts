/** LargeStrings for small bodies in tests. */
import { LargeStringStore } from "../../../src/protocols/large-strings.ts";
import type { LargeStrings } from "../../../src/protocols/protocol.ts";
import { seededRandom } from "../../support/seed.ts";

export function createPlainLarge(): LargeStrings {
  return new LargeStringStore({ next: seededRandom(7) });
}

/** The bytes of an encoded request, parsed. */
export function parsePieces(pieces: readonly Uint8Array[]): unknown {
  return JSON.parse(Buffer.concat(pieces).toString("utf8"));
}
