import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { piece } from "../../src/base/piece.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { fakeTime } from "../support/fake-time.ts";

function logToFile(t: TestContext, format: "json" | "pretty") {
  const folder = mkdtempSync(join(tmpdir(), "sluice-log-"));
  const file = join(folder, "log");
  const fd = openSync(file, "w");
  const time = fakeTime();
  const log = createLog({ level: "info", format, color: false, timers: time.timers, fd });
  t.after(() => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });
  return { time, log, written: () => readFileSync(file, "utf8") };
}

test("what is logged is written within a quarter of a second, in order, whoever put the line together", (t) => {
  const { time, log, written } = logToFile(t, "json");
  log.info({ id: 1 }, "first");
  log.startLine()?.add(piece('{"msg":')).quoted('"second"').add(piece("}")).finish();
  log.warn({ id: 3 }, "third");
  assert.equal(written(), "");
  time.advance(300);
  const messages = written()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).msg);
  assert.deepEqual(messages, ["first", '"second"', "third"]);
  log.setLevel("warn");
  assert.equal(log.startLine(), null);
  log.flush();
});

for (const format of ["json", "pretty"] as const) {
  test(`secrets are written nowhere, before and after a reload changes them (${format})`, (t) => {
    const { log, written } = logToFile(t, format);
    log.hide(["sk-old-secret", 'with"quote']);
    log.info({ header: "Bearer sk-old-secret" }, 'with"quote');
    log
      .startLine()
      ?.add(piece('{"msg":'))
      .quoted("sk-old-secret\u2028 sk-old-secret")
      .add(piece("}"))
      .finish();
    log.hide(["sk-new-secret"]);
    log.startLine()?.add(piece('{"msg":"x","model":')).quoted("sk-new-secret").add(piece("}")).finish();
    log.info({ long: `${"x".repeat(1000)} sk-new-secret` }, "long");
    log.info({}, "the end");
    log.flush();
    const text = written();
    assert.doesNotMatch(text, /sk-old|sk-new|quote/);
    assert.equal(text.match(/\[redacted\]/g)?.length, 6);
    assert.equal(text.match(/the end/g)?.length, 1);
    assert.equal(text.split("\n").length, 6);
  });
}
