/** Which engine serves, and HTTPS with certificates that change. */
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { TLSSocket } from "node:tls";
import type { EngineOptions } from "../../src/http/engine.ts";
import { createEngine } from "../../src/http/engine-choice.ts";
import type { Exchange } from "../../src/http/exchange.ts";
import { createSelfSigned } from "../support/tls.ts";
import { LIMITS, startEngine } from "./support/engines.ts";
import { realTime, scaledTime } from "./support/real-time.ts";

const OPTIONS: EngineOptions = {
  limits: LIMITS,
  time: realTime(),
  tls: null,
  hotPrefixes: ["/v1"],
  hotPaths: ["/v1/chat/completions"],
  isExempt: () => false,
  onWarning() {},
  onError() {},
};

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-tls-"));
  for (const name of ["one", "two"]) {
    const { cert, key } = createSelfSigned({ hosts: [name] });
    writeFileSync(join(folder, `${name}.pem`), cert);
    writeFileSync(join(folder, `${name}.key`), key);
  }
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Status and the name in the certificate. */
function ask(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { port, host: "127.0.0.1", path: "/v1/x", rejectUnauthorized: false, agent: false };
    request(options, (response) => {
      const { CN } = (response.socket as TLSSocket).getPeerCertificate().subject;
      response.resume();
      response.on("end", () => resolve(`${response.statusCode} ${CN}`));
    })
      .on("error", reject)
      .end();
  });
}

function ok(exchange: Exchange): void {
  exchange.listen({ onAbort() {}, onDrain() {} });
  exchange.respond(200, [], "ok");
}

test("auto is the native engine; named ones are taken; TLS is the node engine's", async () => {
  assert.equal((await createEngine("auto", OPTIONS)).engine.kind, "hyper-express");
  assert.equal((await createEngine("node", OPTIONS)).engine.kind, "node");
  const tls = { cert: join(folder, "one.pem"), key: join(folder, "one.key") };
  const auto = await createEngine("auto", { ...OPTIONS, tls });
  assert.deepEqual([auto.engine.kind, auto.fallback], ["node", ""]);
  const named = await createEngine("hyper-express", { ...OPTIONS, tls });
  assert.equal(named.engine.kind, "node");
  assert.match(named.fallback, /TLS/);
});

test("an addon that does not load costs one line, not the service", async () => {
  const { engine, fallback } = await createEngine("auto", OPTIONS, () =>
    Promise.reject(new Error("the native HTTP engine cannot be loaded: x.node: GLIBC_2.36 not found\nstack")),
  );
  assert.equal(engine.kind, "node");
  assert.match(fallback, /GLIBC_2\.36 not found; the node engine serves$/);
});

test("HTTPS takes a renewed certificate, and keeps the old one while the files do not fit", async (t) => {
  const tls = { cert: join(folder, "live.pem"), key: join(folder, "live.key") };
  copyFileSync(join(folder, "one.pem"), tls.cert);
  copyFileSync(join(folder, "one.key"), tls.key);
  const { port, warnings } = await startEngine(t, "node", ok, { tls, time: scaledTime(200) });
  const until = async (holds: () => Promise<boolean> | boolean) => {
    for (let i = 0; i < 500 && !(await holds()); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  assert.equal(await ask(port), "200 one");
  copyFileSync(join(folder, "two.pem"), tls.cert);
  await until(() => warnings.length > 0);
  assert.equal(await ask(port), "200 one");
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /live\.pem and .*live\.key cannot be used.*previous certificate stays/);
  copyFileSync(join(folder, "two.key"), tls.key);
  await until(async () => (await ask(port)) === "200 two");
  writeFileSync(tls.cert, "");
  await until(() => warnings.length > 1);
  assert.equal(await ask(port), "200 two");
  assert.equal(warnings.length, 2);
});

test("files that cannot be read or used are told by name when listening starts", async () => {
  const listen = async (cert: string, key: string) => {
    const { engine } = await createEngine("node", { ...OPTIONS, tls: { cert, key } });
    try {
      await engine.listen({ host: "127.0.0.1", bindFamily: "dual", port: 0 }, ok);
    } finally {
      engine.close();
    }
  };
  await assert.rejects(
    listen("/nowhere/c.pem", join(folder, "one.key")),
    /certificate \/nowhere\/c\.pem cannot be read \(ENOENT\)/,
  );
  await assert.rejects(listen(join(folder, "one.pem"), join(folder, "two.key")), /cannot be used for TLS/);
});
