import { equal, notEqual, ok, throws } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readSegments, setLoader, stripElf } from "../../build/elf.mjs";

const PT_INTERP = 3;
const folder = mkdtempSync(join(tmpdir(), "sluice-elf-"));
after(() => rmSync(folder, { recursive: true }));

/** A program of the machine the tests run on. */
const program = process.platform === "linux" ? readFileSync("/bin/true") : null;
const skip = program === null || program[4] !== 2 ? "needs a 64-bit Linux" : false;

function run(elf: Buffer): number | null {
  const file = join(folder, "program");
  rmSync(file, { force: true });
  writeFileSync(file, elf);
  chmodSync(file, 0o755);
  return spawnSync(file).status;
}

const interpreterOf = (elf: Buffer) => {
  const segment = readSegments(elf).find(({ type }) => type === PT_INTERP);
  return segment ? elf.toString("latin1", segment.offset, segment.offset + segment.fileSize - 1) : "";
};

test("a stripped program still runs, has no symbol table and is not larger", { skip }, () => {
  const whole = readFileSync(process.execPath);
  const stripped = stripElf(whole);
  ok(stripped.length <= whole.length);
  ok(stripElf(stripped).equals(stripped), "stripping twice changes nothing");
  const file = join(folder, "node");
  writeFileSync(file, stripped, { mode: 0o755 });
  equal(spawnSync(file, ["-p", "1 + 1"]).stdout.toString(), "2\n");
});

test("a program gets its loader and library folder without growing, and runs with them", { skip }, () => {
  const own = interpreterOf(program ?? Buffer.alloc(0));
  notEqual(own, "");
  const changed = setLoader(Buffer.from(program ?? ""), {
    interpreter: own,
    libraryFolder: "/nonexistent/sluice",
  });
  equal(changed.length, program?.length);
  equal(interpreterOf(changed), own);
  equal(run(changed), 0);
  const strange = setLoader(Buffer.from(program ?? ""), {
    interpreter: "/nonexistent/loader",
    libraryFolder: "/nonexistent/sluice",
  });
  equal(interpreterOf(strange), "/nonexistent/loader");
  notEqual(run(strange), 0);
});

test("what is not a program is refused", () => {
  throws(() => stripElf(Buffer.from("#!/bin/sh\n")), /not a 64-bit little-endian ELF/);
  throws(() => setLoader(Buffer.alloc(64), { interpreter: "/x", libraryFolder: "/y" }), /not a 64-bit/);
});
