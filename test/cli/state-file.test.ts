/** What outlives a restart: written whole, read with suspicion. */
import { deepEqual, equal, match } from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createStateFile } from "../../src/cli/state-file.ts";
import { loadTree } from "../../src/config/load.ts";
import type { Config } from "../../src/config/schema.ts";
import type { Log } from "../../src/telemetry/log.ts";
import { fakeGateway } from "../http/support/fake-gateway.ts";
import { fakeTime } from "../support/fake-time.ts";

function configWith(file: string): Config {
  const result = loadTree({ state: { file } }, { file: "test", env: {}, now: 0 });
  if (!result.ok) throw new Error(JSON.stringify(result.errors));
  return result.config;
}

/** `state` is what the gateway gives; `restored` what it was given. */
function setUp(t: TestContext, file = "") {
  const folder = mkdtempSync(join(tmpdir(), "sluice-state-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const warnings: string[] = [];
  const log = {
    warn: (_: object, message: string) => warnings.push(message),
    debug: () => {},
  } as unknown as Log;
  const path = file === "" ? join(folder, "state.json") : join(folder, file);
  const config = configWith(file === "" ? "" : path);
  const state = { given: { health: "as learned" } as object };
  const restored: unknown[] = [];
  const gateway = {
    ...fakeGateway(config),
    record: () => state.given,
    restore: (value: unknown) => restored.push(value) as unknown as undefined,
  };
  const stateFile = createStateFile(() => config, { RUNTIME_DIRECTORY: folder }, log);
  return { folder, path, warnings, state, restored, gateway, stateFile };
}

test("what is saved is restored; the file is for its owner only and nothing is left beside it", (t) => {
  const { folder, path, restored, gateway, stateFile, warnings } = setUp(t);
  stateFile.restore(gateway);
  deepEqual([restored, warnings], [[], []]);
  stateFile.save(gateway);
  equal(statSync(path).mode & 0o777, 0o600);
  deepEqual(readdirSync(folder), ["state.json"]);
  stateFile.restore(gateway);
  deepEqual(restored, [{ health: "as learned" }]);
});

const DAMAGED: readonly (readonly [string, RegExp])[] = [
  ["", /damaged/],
  ['{"format":1', /damaged/],
  ["null", /no state of sluice/],
  ["[]", /no state of sluice/],
  ['{"format":1}', /no state of sluice/],
  ['{"format":2,"state":{}}', /format 2 is not known/],
  [`"${"x".repeat(5 * 1024 * 1024)}"`, /larger than/],
];

for (const [text, reason] of DAMAGED) {
  test(`${text.slice(0, 30) || "an empty file"} is ignored with one warning`, (t) => {
    const { path, restored, gateway, stateFile, warnings } = setUp(t);
    writeFileSync(path, text);
    stateFile.restore(gateway);
    deepEqual([restored, warnings.length], [[], 1]);
    match(warnings[0] ?? "", reason);
  });
}

test("a folder in its place, and a gateway that cannot read the state, are warnings", (t) => {
  const first = setUp(t);
  mkdirSync(first.path);
  first.stateFile.restore(first.gateway);
  match(first.warnings.join(), /no regular file/);

  const second = setUp(t);
  second.stateFile.save(second.gateway);
  second.stateFile.restore({
    ...second.gateway,
    restore() {
      throw new Error("not understood");
    },
  });
  match(second.warnings.join(), /ignored: not understood/);
});

test("a state that is too large is not written, and the older one stays", (t) => {
  const { path, state, gateway, stateFile, warnings } = setUp(t);
  stateFile.save(gateway);
  const before = readFileSync(path, "utf8");
  state.given = { text: "x".repeat(5 * 1024 * 1024) };
  stateFile.save(gateway);
  equal(readFileSync(path, "utf8"), before);
  match(warnings.join(), /not saved: it is larger/);
});

test("a configured file is written every five minutes until the end, a snapshot only on stop", (t) => {
  const configured = setUp(t, "kept.json");
  const time = fakeTime();
  const stop = configured.stateFile.saveRegularly(configured.gateway, time.timers);
  time.advance(299_000);
  deepEqual(readdirSync(configured.folder), []);
  time.advance(2000);
  deepEqual(readdirSync(configured.folder), ["kept.json"]);
  rmSync(configured.path);
  time.advance(300_000);
  deepEqual(readdirSync(configured.folder), ["kept.json"]);
  stop();
  equal(time.pending, 0);

  const snapshot = setUp(t);
  const end = snapshot.stateFile.saveRegularly(snapshot.gateway, time.timers);
  time.advance(900_000);
  deepEqual(readdirSync(snapshot.folder), []);
  end();
});

test("a runtime folder that cannot be looked at is none", (t) => {
  const { folder, gateway } = setUp(t);
  const loop = join(folder, "loop");
  symlinkSync(loop, loop);
  const config = configWith("");
  const log = { warn: () => {}, debug: () => {} } as unknown as Log;
  createStateFile(() => config, { RUNTIME_DIRECTORY: loop }, log).restore(gateway);
});
