import { equal, match, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";

const hasBusybox = spawnSync("busybox", ["ash", "-c", ":"]).status === 0;
const skip = hasBusybox || process.env["SLUICE_REQUIRE_TOOLS"] ? false : "busybox is not installed";

const folder = mkdtempSync(join(tmpdir(), "sluice-defaults-"));
after(() => rmSync(folder, { recursive: true }));
const calls = join(folder, "calls");

/** Runs the first-boot script below a folder of its own, `uci get` failing when there is no section yet; `head` reads the random source. */
function run(root: string, hasSection: boolean, head = 'busybox head "$@"'): string {
  rmSync(calls, { force: true });
  const stubs = `uci() { echo "uci $*" >> ${calls}; case "$*" in *get*) ${hasSection}; esac; }
chown() { echo "chown $*" >> ${calls}; }
hexdump() { busybox hexdump "$@"; }
head() { ${head}; }
`;
  const script = readFileSync("openwrt/files/sluice.defaults", "utf8").replaceAll("/etc/", `${root}/etc/`);
  mkdirSync(join(root, "etc/config"), { recursive: true });
  const result = spawnSync("busybox", ["ash", "-c", stubs + script], { encoding: "utf8" });
  equal(result.stderr, "");
  equal(result.status, 0, "a script that fails would be run again at each boot");
  return readFileSync(calls, "utf8");
}

describe("the first-boot script under busybox ash", { skip }, () => {
  test("makes the service's section, off, and a token that only the daemon reads", () => {
    const root = join(folder, "first");
    const log = run(root, false);
    match(log, /uci set sluice\.main=sluice\nuci set sluice\.main\.enabled=0\nuci commit sluice\n/);
    const token = join(root, "etc/sluice/env/SLUICE_ADMIN_TOKEN");
    match(readFileSync(token, "utf8"), /^[0-9a-f]{36}$/);
    equal(statSync(token).mode & 0o777, 0o640);
    equal(statSync(join(root, "etc/sluice/env")).mode & 0o777, 0o750);
    match(log, /chown -h root:sluice \S+SLUICE_ADMIN_TOKEN\n/);
  });

  test("writes random bytes that are alike beside each other in full", () => {
    const root = join(folder, "alike");
    run(root, false, `printf '${"\\252".repeat(18)}'`);
    equal(readFileSync(join(root, "etc/sluice/env/SLUICE_ADMIN_TOKEN"), "utf8"), "aa".repeat(18));
  });

  test("run again it changes nothing: the token and the settings stay", () => {
    const root = join(folder, "again");
    run(root, false);
    const token = join(root, "etc/sluice/env/SLUICE_ADMIN_TOKEN");
    const before = readFileSync(token, "utf8");
    const log = run(root, true);
    equal(readFileSync(token, "utf8"), before);
    ok(!log.includes("uci set"));
  });

  test("each router gets a token of its own", () => {
    const tokens = ["a", "b"].map((name) => {
      const root = join(folder, name);
      run(root, false);
      return readFileSync(join(root, "etc/sluice/env/SLUICE_ADMIN_TOKEN"), "utf8");
    });
    ok(tokens[0] !== tokens[1]);
  });

  test("a link that the daemon left in place of the folder is not followed", () => {
    const root = join(folder, "link");
    const elsewhere = join(folder, "elsewhere");
    mkdirSync(join(root, "etc/sluice"), { recursive: true });
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, "file"), "");
    symlinkSync(elsewhere, join(root, "etc/sluice/env"));
    const log = run(root, true);
    ok(!log.includes("chown"));
    equal(statSync(elsewhere).mode & 0o777, 0o755);
  });
});
