/** What the bench reads out of callgrind's dumps. */
import { deepEqual } from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readCallgrind } from "./callgrind.ts";

const PROFILE = `version: 1
positions: instr line
events: Ir

ob=(1) /usr/bin/node
fl=(1) ???
fn=(1) main
0x10 0 5
+2 0 3
-0x8 0 1
cfn=(2) helper
calls=1 0x40 0
* 0 100

fn=(2)
0x40 0 7

ob=(2)
fn=(3) 0x0000000000005004
0x5004 0 11
* 0 1
fn=(4) 0x0000000000009000
0x9000 0 2

totals: 30
`;
/** The first function was thrown away, the second is where it was. */
const MAP = "4ff0 20 JS:*before\n5000 10 JS:*'work file.cjs:1:1\n5010 10 JS:*next\n";

test("instructions are summed by function, calls left out, code of V8's named by the map's last entry", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-callgrind-"));
  try {
    const [profile, map] = [join(folder, "out"), join(folder, "map")];
    writeFileSync(profile, PROFILE);
    writeFileSync(map, MAP);
    deepEqual(readCallgrind(profile, map), {
      total: 30,
      functions: [
        ["JS:*'work file.cjs:1:1", 12],
        ["main", 9],
        ["helper", 7],
        ["0x0000000000009000", 2],
      ],
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
