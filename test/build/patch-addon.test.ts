/** The fix-up of the native addon: pinned results, refusal of strange files, and an addon that loads here. */
import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { ADDONS, patchAddon, patchElf, sha256 } from "../../build/patch-addon.mjs";

const folder = mkdtempSync(join(tmpdir(), "sluice-addon-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const installed = (name: string) => resolve("node_modules/uWebSockets.js", `uws_linux_${name}.node`);

for (const [name, { before, after: expected }] of Object.entries(ADDONS)) {
  test(`the installed addon ${name} is the published file after the fix-up`, () => {
    assert.match(before, /^[0-9a-f]{64}$/);
    assert.equal(sha256(readFileSync(installed(name))), expected);
  });
}

test("patching a patched file changes nothing", () => {
  const file = join(folder, "again.node");
  copyFileSync(installed("x64_137"), file);
  assert.equal(patchAddon(file), "already patched");
  assert.equal(sha256(readFileSync(file)), ADDONS.x64_137.after);
});

test("the build gets a patched copy in another place", () => {
  const target = join(folder, "copy.node");
  patchAddon(installed("arm64_137"), target);
  assert.equal(sha256(readFileSync(target)), ADDONS.arm64_137.after);
});

test("a file that is not known is refused by name and hash and stays as it is", () => {
  const file = join(folder, "strange.node");
  const bytes = Buffer.from(readFileSync(installed("x64_137")));
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
  writeFileSync(file, bytes);
  assert.throws(
    () => patchAddon(file),
    new RegExp(`strange.node: unknown file \\(sha256 ${sha256(bytes)}\\)`),
  );
  assert.ok(readFileSync(file).equals(bytes));
  assert.ok(!existsSync(`${file}.new`));
});

test("what is no ELF file is refused", () => {
  assert.throws(() => patchElf(Buffer.alloc(100)), /not a 64-bit little-endian ELF file/);
});

test("a published addon comes out of the fix-up byte for byte as pinned", () => {
  // ABI 141 is not shipped, so the installed file is still as published.
  const published = readFileSync(installed("x64_141"));
  assert.equal(
    sha256(published),
    "813d788b347c6fd76b779d8932311ec05a044e612b4b83af220f16e6ea789683",
    "the published file",
  );
  assert.equal(
    sha256(patchElf(published)),
    "66513ca63ef5fe6c0534f58cee955fcb272d49194dda12a806c2c1ccfb9b636d",
    "after the fix-up",
  );
});

test("the addon of this Node loads and answers its version", { skip: process.platform !== "linux" }, () => {
  const name = `${process.arch}_${process.versions.modules}`;
  if (!(name in ADDONS)) return;
  const addon = createRequire(import.meta.url)(installed(name));
  assert.equal(typeof addon.App, "function");
});
