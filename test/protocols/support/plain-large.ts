/** LargeStrings for small bodies: nothing is long, so nothing is a placeholder; raw JSON is spliced on render. */
import type { LargeStrings } from "../../../src/protocols/protocol.ts";

export function createPlainLarge(): LargeStrings {
  const raws: string[] = [];
  const marker = "\u0001raw:";
  return {
    raw(jsonText) {
      raws.push(jsonText);
      return `${marker}${raws.length - 1};`;
    },
    has: (text) => text.includes(marker),
    expand: (text) => text.replace(/\u0001raw:(\d+);/g, (_, index) => raws[Number(index)] ?? ""),
    render(value) {
      const text = JSON.stringify(value).replace(
        /"\\u0001raw:(\d+);"/g,
        (_, index) => raws[Number(index)] ?? "",
      );
      return [Buffer.from(text)];
    },
  };
}

/** The bytes of an encoded request, parsed. */
export function parsePieces(pieces: readonly Uint8Array[]): unknown {
  return JSON.parse(Buffer.concat(pieces).toString("utf8"));
}
