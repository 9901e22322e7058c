import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { loadConfig } from "../../src/config/load.ts";

const file = "openwrt/files/config.toml";
const load = (env: Record<string, string>) =>
  loadConfig(readFileSync(file, "utf8"), { file, env, now: Date.UTC(2026, 0, 1) });

test("the router's configuration loads as it is, open to the LAN, the console behind its token", () => {
  const result = load({ SLUICE_ADMIN_TOKEN: "token" });
  ok(result.ok, JSON.stringify(result));
  deepEqual(result.config.server.lanInterfaces, ["br-lan"]);
  equal(result.config.admin.token, "token");
  equal(result.config.auth.anonymous, "lan");
});

test("without the token it does not load: the console is never open to the LAN by an empty one", () => {
  ok(!load({}).ok);
});
