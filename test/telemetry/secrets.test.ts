import assert from "node:assert/strict";
import test from "node:test";
import { createSecrets } from "../../src/telemetry/secrets.ts";

const VALUES = ["sk-upstream-a", 'with"quote\\', "ümläut-漢字", "eeeeee", "requests", "x".repeat(5000)];

test("a secret is found wherever it stands, and a part of it is none", () => {
  const secrets = createSecrets(VALUES);
  for (const value of VALUES) {
    for (const written of [value, JSON.stringify(value).slice(1, -1)]) {
      for (const before of ["", '{"msg":"', "é", value.slice(0, -1)]) {
        for (const after of ["", '"}\n', value.slice(1, 4)]) {
          const text = `${before}${written}${after}`;
          assert.equal(secrets.areIn(Buffer.from(text)), true, text.slice(0, 80));
          const clean = secrets.cut(text);
          assert.ok(!clean.includes(written) && clean.includes("[redacted]"), text.slice(0, 80));
        }
      }
    }
  }
  for (const value of VALUES) {
    for (const part of [value.slice(1), value.slice(0, -1), `${value.slice(0, 3)}-${value.slice(3)}`]) {
      if (part.includes("xxxxx")) continue;
      assert.equal(secrets.areIn(Buffer.from(`"${part}"`)), false, part);
    }
  }
});

test("words shorter than six characters are no secrets, and without secrets nothing is found", () => {
  assert.equal(createSecrets(["short", "five5"]).areIn(Buffer.from("short five5")), false);
  assert.equal(createSecrets(["sixsix"]).areIn(Buffer.from("a sixsix")), true);
  assert.equal(createSecrets([]).areIn(Buffer.from("anything")), false);
});
