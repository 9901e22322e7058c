/** What passes of a head whose names are known is what passes of each of its lines. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { upstreamHeaders } from "../../src/gateway/answer-headers.ts";
import { HeadScanner } from "../../src/upstream/head-scanner.ts";
import { KnownHeads } from "../../src/upstream/known-heads.ts";
import { fuzz } from "../support/fuzz.ts";
import { headKind } from "../support/fuzz-heads.ts";

const OWN = [[], ["x-own"], ["x-a", "x-b"]];

test("heads of a few kinds pass as their lines do, by all rules, with names of the gateway's own", () => {
  let known = 0;
  fuzz(300, 51, (chance) => {
    const heads = Array.from({ length: 1 + chance.below(3) }, () => headKind(chance));
    const origin = new KnownHeads();
    for (let i = 0; i < 60; i++) {
      const text = chance.pick(heads)();
      const bytes = Buffer.from(text, "latin1");
      const scanner = new HeadScanner(origin);
      if (scanner.scan(bytes, 0, bytes.length) < 0) continue;
      const { headers, names } = scanner;
      if (names !== null) known++;
      const sameBody = chance.happens(0.5);
      const rateLimits = chance.happens(0.5);
      const own = chance.pick(OWN);
      const lines = headers.flatMap((name, at) =>
        at % 2 === 0
          ? upstreamHeaders({ headers: [name, headers[at + 1] ?? ""] }, sameBody, rateLimits, [])
          : [],
      );
      assert.deepEqual(
        upstreamHeaders({ headers, names }, sameBody, rateLimits, own),
        [...lines, ...own.flatMap((name) => [name, ""])],
        text,
      );
    }
  });
  assert.ok(known > 2000, `${known} with known names`);
});
