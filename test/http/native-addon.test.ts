/** Finding the native addon: the order of places, the checks on the embedded one, and what is said when none will do. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type AddonPlaces, addonName, loadNativeAddon } from "../../src/http/native-addon.ts";

const NAME = addonName();
const KEY = `${process.arch}_${process.versions.modules}`;
const BYTES = Buffer.from("pretend this is an ELF file");
const HASH = createHash("sha256").update(BYTES).digest("hex");
const linux = { skip: process.platform !== "linux" };

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "sluice-loader-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Places without anything in them; `dlopen` answers with what it was given. */
function places(more: Partial<AddonPlaces> = {}): AddonPlaces {
  return {
    env: {},
    bundleFolder: "",
    readAsset: () => null,
    sha256: { [KEY]: HASH },
    dlopen: (file) => ({ file, bytes: readFileSync(file).toString() }),
    ...more,
  };
}

const loaded = (from: AddonPlaces) => loadNativeAddon(from) as unknown as { file: string; bytes: string };

test("a named file comes first", (t) => {
  const dir = folder(t);
  const file = join(dir, "own.node");
  writeFileSync(file, "named");
  writeFileSync(join(dir, NAME), "beside");
  const from = places({ env: { SLUICE_NATIVE_FILE: file }, bundleFolder: dir, readAsset: () => BYTES });
  assert.equal(loaded(from).bytes, "named");
});

test("the embedded addon is loaded from a file without a name, and nothing stays behind", linux, (t) => {
  const dir = folder(t);
  const from = places({
    env: { SLUICE_NATIVE_DIR: dir },
    readAsset: (name) => (name === NAME ? BYTES : null),
  });
  const { file, bytes } = loaded(from);
  assert.match(file, /^\/proc\/self\/fd\/\d+$/);
  assert.equal(bytes, BYTES.toString());
  assert.deepEqual(readdirSync(dir), []);
  assert.equal(existsSync(file), false);
});

test("where such a file cannot be mapped, one in a private folder is, then the next folder", linux, (t) => {
  const first = folder(t);
  const second = folder(t);
  const tried: string[] = [];
  const from = places({
    env: { SLUICE_NATIVE_DIR: first, RUNTIME_DIRECTORY: second },
    readAsset: () => BYTES,
    dlopen(file) {
      tried.push(file);
      if (!file.startsWith(second)) throw new Error(`${file}: failed to map segment`);
      return { file, bytes: readFileSync(file).toString() };
    },
  });
  assert.equal(loaded(from).bytes, BYTES.toString());
  assert.match(
    tried.join(" "),
    new RegExp(`^/proc/self/fd/\\d+ ${first}/sluice-\\w+/addon.node /proc/self/fd/\\d+ ${second}/`),
  );
  assert.deepEqual(readdirSync(first), []);
  assert.deepEqual(readdirSync(second), []);
});

test("an embedded addon with one wrong byte is not loaded", (t) => {
  const from = places({
    env: { SLUICE_NATIVE_DIR: folder(t) },
    readAsset: () => Buffer.concat([BYTES, Buffer.from([0])]),
    dlopen: () => assert.fail("must not be loaded"),
  });
  assert.throws(() => loadNativeAddon(from), /wrong sha256/);
});

test("a file beside the bundle, then the installed package", (t) => {
  const dir = folder(t);
  const dist = join(dir, "dist");
  const installed = join(dir, "node_modules", "uWebSockets.js");
  mkdirSync(dist);
  mkdirSync(installed, { recursive: true });
  writeFileSync(join(installed, NAME), "installed");
  assert.equal(loaded(places({ bundleFolder: dist })).bytes, "installed");
  writeFileSync(join(dist, NAME), "beside");
  assert.equal(loaded(places({ bundleFolder: dist })).bytes, "beside");
});

test("when nothing loads the error lists every place and its reason", (t) => {
  const dir = folder(t);
  writeFileSync(join(dir, NAME), "x");
  const from = places({
    env: { SLUICE_NATIVE_FILE: "/nowhere/x.node" },
    bundleFolder: dir,
    dlopen(file) {
      throw new Error(`${file}: GLIBC_2.36 not found\nmore`);
    },
  });
  assert.throws(
    () => loadNativeAddon(from),
    (error: Error) => {
      assert.match(error.message, /\/nowhere\/x\.node: .*GLIBC_2\.36 not found; .*GLIBC_2\.36/);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    },
  );
  assert.throws(() => loadNativeAddon(places()), new RegExp(`no ${NAME} for Node v\\d+`));
});
