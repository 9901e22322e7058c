/** Who is not let in is named in the log by address, whatever the reason was. */
import { deepEqual, equal } from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createGateway } from "../../src/gateway/runtime.ts";
import { createApp } from "../../src/http/app.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { createUpstreamClient } from "../../src/upstream/http1-client.ts";
import { ENGINES, startEngine } from "../http/support/engines.ts";
import { realTime } from "../http/support/real-time.ts";
import { ask } from "../support/ask.ts";
import { configOf } from "../support/gateway.ts";

const CONFIG = `[auth]
[[auth.keys]]
id = "now"
key = "sk-now-0123456789"
[[auth.keys]]
id = "old"
key = "sk-old-0123456789"
expires = 2020-01-01T00:00:00Z
`;

interface RequestLine {
  readonly msg: string;
  readonly status: number;
  readonly peer?: string;
  readonly key_id?: string;
}

for (const engine of ENGINES) {
  test(`${engine}: no key, an unknown one and an expired one leave the peer's address`, async (t: TestContext) => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-strangers-"));
    const file = join(folder, "log");
    const fd = openSync(file, "a");
    t.after(() => {
      closeSync(fd);
      rmSync(folder, { recursive: true });
    });
    const time = realTime();
    const log = createLog({ level: "info", format: "json", color: false, timers: time.timers, fd });
    const gateway = createGateway({
      config: configOf(CONFIG),
      time,
      log,
      upstream: createUpstreamClient({ time }),
      version: "0.0.0-test",
      env: {},
      readFile: () => "",
    });
    const operations = {
      draining: false,
      hasConsole: false,
      version: "0.0.0-test",
      status: () => ({}),
      reload: async () => [],
    };
    const app = createApp({ gateway, random: time.random, log, interfaces: () => ({}), operations });
    const { port } = await startEngine(t, engine, app.handle);
    for (const key of ["", "sk-else-0123456789", "sk-old-0123456789"]) {
      const headers: Record<string, string> = { "content-type": "application/json" };
      if (key !== "") headers["authorization"] = `Bearer ${key}`;
      equal((await ask(port, "/v1/chat/completions", { body: "{}", headers })).status, 401, key);
      equal((await ask(port, "/v1/models", { method: "GET", headers })).status, 401, key);
    }
    log.flush();
    const lines = readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as RequestLine)
      .filter(({ msg }) => msg === "request");
    deepEqual(
      lines.map(({ status, peer, key_id }) => ({ status, peer, key_id })),
      Array.from({ length: 6 }, () => ({ status: 401, peer: "127.0.0.1", key_id: undefined })),
    );
  });
}
