import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";

const hasBusybox = spawnSync("busybox", ["ash", "-c", ":"]).status === 0;
// In CI a missing busybox is a failure, not a skip.
const skip = hasBusybox || process.env["SLUICE_REQUIRE_TOOLS"] ? false : "busybox is not installed";

const folder = mkdtempSync(join(tmpdir(), "sluice-init-"));
after(() => rmSync(folder, { recursive: true }));
const confFolder = join(folder, "etc/sluice");
const runFolder = join(folder, "run/sluice");
mkdirSync(join(folder, "lib/functions"), { recursive: true });
writeFileSync(join(folder, "lib/functions/network.sh"), "");
writeFileSync(join(folder, "meminfo"), "MemTotal:         253000 kB\n");

/** The init script with its folders moved below the test's own. */
const script = readFileSync("openwrt/files/sluice.init", "utf8")
  .replace("CONF_DIR=/etc/sluice", `CONF_DIR=${confFolder}`)
  .replace("RUN_DIR=/var/run/sluice", `RUN_DIR=${runFolder}`)
  .replace(". /lib/functions/network.sh", `. ${folder}/lib/functions/network.sh`);
writeFileSync(join(folder, "sluice.init"), script);

/** Runs one action with UCI options of section `main`; gives back each recorded call. */
function run(
  action: string,
  options: Record<string, string> = {},
  extra: Record<string, string> = {},
): string[] {
  const logFile = join(folder, "calls");
  rmSync(logFile, { force: true });
  const env: Record<string, string> = {
    PATH: process.env["PATH"] ?? "",
    STUB_LOG: logFile,
    STUB_ADDRESS: "192.0.2.1",
    SLUICE_MEMINFO: join(folder, "meminfo"),
    ...extra,
  };
  for (const [name, value] of Object.entries(options)) env[`uci_sluice_main_${name}`] = value;
  const program = `. test/openwrt/stubs.sh; . ${join(folder, "sluice.init")}; ${action}`;
  const result = spawnSync("busybox", ["ash", "-c", program], { env, encoding: "utf8" });
  equal(result.stderr, "");
  return existsSync(logFile) ? readFileSync(logFile, "utf8").trimEnd().split("\n") : [];
}

function withConfig(text = ""): void {
  mkdirSync(confFolder, { recursive: true });
  writeFileSync(join(confFolder, "config.toml"), text);
}

/** The daemon's whole command, over `set_param command` and what was appended. */
function commandOf(calls: readonly string[]): string {
  return calls
    .filter((call) => /^(set|append)_param \[command\]/.test(call))
    .map((call) => call.replace(/^\w+ \[command\] /, ""))
    .join(" ");
}

const ON = { enabled: "1" };

describe("the init script under busybox ash", { skip }, () => {
  test("is correct shell, and so are the wrapper and the first-boot script", () => {
    for (const name of ["init", "wrapper", "defaults"])
      equal(spawnSync("busybox", ["ash", "-n", `openwrt/files/sluice.${name}`]).status, 0, name);
  });

  test("starts nothing until it is enabled", () => {
    withConfig();
    for (const options of [{}, { enabled: "0" }]) {
      const calls = run("start", options);
      deepEqual(
        calls.filter((call) => /instance|param/.test(call)),
        [],
      );
      ok(calls.includes("start_service returned 0"));
    }
  });

  test("enabled: every call to procd, with the defaults", () => {
    withConfig();
    const calls = run("start", ON);
    deepEqual(
      calls.filter((call) => !call.startsWith("chown")),
      [
        "open_service",
        "network_get_ipaddr [lan]",
        "open_instance [main]",
        `set_param [command] [/usr/bin/sluice] [RUNTIME_DIRECTORY=${runFolder}] [SLUICE_LOG=info]`,
        "append_param [command] [NODE_OPTIONS=--max-old-space-size=64 --max-semi-space-size=1]",
        "append_param [command] [MALLOC_ARENA_MAX=1] [MALLOC_MMAP_THRESHOLD_=8192] [MALLOC_TRIM_THRESHOLD_=65536] [MALLOC_TOP_PAD_=16384]",
        `append_param [command] [serve] [--config] [${confFolder}/config.toml] [--drain-timeout] [30s]`,
        "append_param [command] [--host] [192.0.2.1]",
        "set_param [user] [sluice]",
        "set_param [group] [sluice]",
        "set_param [stdout] [1]",
        "set_param [stderr] [1]",
        "set_param [respawn] [3600] [5] [0]",
        "set_param [term_timeout] [35]",
        "set_param [limits] [core=0] [nofile=4096 4096]",
        "close_instance",
        "start_service returned 0",
        "add_reload_trigger [sluice] [system]",
        "add_interface_trigger [interface.*.up] [lan] [/etc/init.d/sluice] [restart]",
        "close_service",
      ],
    );
  });

  test("passes no setting in procd's env, whose last bytes procd does not compare", () => {
    withConfig();
    ok(run("start", ON).every((call) => !call.includes("_param [env]")));
  });

  test("each option reaches the command", () => {
    withConfig();
    const other = join(folder, "other.toml");
    writeFileSync(other, "");
    const cases: [Record<string, string>, RegExp][] = [
      [{ config: other }, /\[--config\] \[[^\]]*other\.toml\]/],
      [{ log_level: "debug" }, /\[SLUICE_LOG=debug\]/],
      [{ port: "8080" }, /\[--port\] \[8080\]/],
      [{ drain_timeout: "5" }, /\[--drain-timeout\] \[5s\]/],
      [{ heap_mb: "48" }, /--max-old-space-size=48 --max-semi-space-size=1/],
      [{ semi_space_mb: "4" }, /--max-semi-space-size=4/],
      [{ listen: "loopback" }, /\[--host\] \[127\.0\.0\.1\]/],
      [{ listen: "192.0.2.77" }, /\[--host\] \[192\.0\.2\.77\]/],
    ];
    for (const [options, wanted] of cases) match(commandOf(run("start", { ...ON, ...options })), wanted);
    ok(!commandOf(run("start", { ...ON, listen: "config" })).includes("--host"));
    ok(!commandOf(run("start", { ...ON, malloc_tuning: "0" })).includes("MALLOC"));
    ok(run("start", { ...ON, drain_timeout: "5" }).includes("set_param [term_timeout] [10]"));
    ok(run("start", { ...ON, interface: "guest" }).includes("network_get_ipaddr [guest]"));
  });

  test("the heap follows the device's memory", () => {
    withConfig();
    for (const [total, wanted] of [
      ["100804", "--max-old-space-size=48 --max-semi-space-size=1"],
      ["253000", "--max-old-space-size=64 --max-semi-space-size=1"],
      ["1012345", "--max-old-space-size=128 --max-semi-space-size=2"],
    ] as const) {
      const meminfo = join(folder, `meminfo-${total}`);
      writeFileSync(meminfo, `MemTotal:  ${total} kB\nMemFree: 1 kB\n`);
      const command = commandOf(run("start", ON, { SLUICE_MEMINFO: meminfo }));
      ok(command.includes(wanted), command);
    }
  });

  test("the time zone of the router is the daemon's", () => {
    withConfig();
    const command = commandOf(run("start", ON, { uci_system_zonename: "America/New York" }));
    match(command, /\[TZ=America\/New_York\]/);
  });

  test("wrong values are told and replaced by the default", () => {
    withConfig();
    const calls = run("start", { ...ON, heap_mb: "lots", drain_timeout: "30s", log_level: "loud" });
    const warnings = calls.filter((call) => call.startsWith("warning"));
    equal(warnings.length, 3, warnings.join("\n"));
    match(commandOf(calls), /--max-old-space-size=64/);
    match(commandOf(calls), /\[--drain-timeout\] \[30s\]/);
    match(commandOf(calls), /\[SLUICE_LOG=info\]/);
  });

  test("values that the daemon could not live with are told and replaced", () => {
    withConfig();
    const calls = run("start", { ...ON, heap_mb: "8", drain_timeout: "08", port: "http" });
    const warnings = calls.filter((call) => call.startsWith("warning"));
    equal(warnings.length, 3, warnings.join("\n"));
    match(commandOf(calls), /--max-old-space-size=32/);
    ok(calls.includes("set_param [term_timeout] [35]"));
    ok(!commandOf(calls).includes("--port"));
  });

  test("waits for the LAN when it has no address yet, and is started by its trigger", () => {
    withConfig();
    const calls = run("start", ON, { STUB_ADDRESS: "" });
    ok(calls.some((call) => /^warning .*no address/.test(call)));
    ok(!calls.includes("open_instance [main]"));
    ok(calls.includes("add_interface_trigger [interface.*.up] [lan] [/etc/init.d/sluice] [restart]"));
  });

  test("has no interface trigger unless it is bound to one", () => {
    withConfig();
    ok(run("start", { ...ON, listen: "config" }).every((call) => !call.startsWith("add_interface_trigger")));
  });

  test("a missing configuration file is told", () => {
    const calls = run("start", { ...ON, config: join(folder, "missing.toml") });
    ok(calls.some((call) => /^warning .*missing\.toml/.test(call)));
    ok(!calls.includes("open_instance [main]"));
  });

  test("keys in env/ are passed as a folder, and a changed one restarts the daemon", () => {
    withConfig();
    const env = join(confFolder, "env");
    mkdirSync(env, { recursive: true });
    writeFileSync(join(env, "OPENAI_API_KEY"), "sk-secret");
    const calls = run("start", ON);
    rmSync(env, { recursive: true });
    ok(commandOf(calls).endsWith(`[--env-dir] [${env}]`));
    ok(calls.includes(`append_param [file] [${env}/OPENAI_API_KEY]`));
    ok(!calls.join("\n").includes("sk-secret"), "no key in a command line");
  });

  test("jail: mounts what the program needs, the configuration and the run folder writable", () => {
    withConfig();
    const calls = run("start", { ...ON, jail: "1" });
    ok(calls.includes("add_jail [sluice] [log] [procfs]"));
    ok(calls.includes("add_jail_mount [/usr/lib/sluice] [/etc/hosts] [/etc/resolv.conf] [/etc/ssl/certs]"));
    ok(calls.includes(`add_jail_mount_rw [${confFolder}] [${runFolder}]`));
    ok(calls.includes("set_param [no_new_privs] [1]"));
    ok(calls.includes("set_param [group] [sluice]"));
  });

  test("the configuration belongs to root and the daemon's group; a link in its place is not followed", () => {
    withConfig();
    const calls = run("start", ON);
    ok(calls.includes(`chown [root:sluice] [${confFolder}]`));
    ok(calls.includes(`chown [-h] [root:sluice] [${confFolder}/config.toml]`));
    equal(statSync(join(confFolder, "config.toml")).mode & 0o777, 0o660);
    equal(statSync(confFolder).mode & 0o777, 0o770);
    equal(statSync(runFolder).mode & 0o777, 0o700);

    const victim = join(folder, "shadow");
    writeFileSync(victim, "", { mode: 0o600 });
    rmSync(join(confFolder, "config.toml"));
    symlinkSync(victim, join(confFolder, "config.toml"));
    const linked = run("start", ON);
    rmSync(join(confFolder, "config.toml"));
    equal(statSync(victim).mode & 0o777, 0o600);
    ok(linked.every((call) => !call.includes("config.toml]") || !call.startsWith("chown")));
  });

  test("reload starts again (procd compares) and lets the running daemon read its file", () => {
    withConfig();
    const calls = run("reload_service", ON);
    ok(calls.indexOf("close_service") < calls.indexOf("send_signal [sluice] [main] [HUP]"));
    ok(calls.includes("open_instance [main]"));
  });
});

describe("the wrapper under busybox ash", { skip }, () => {
  const program = join(folder, "program");
  writeFileSync(program, `#!/bin/sh\nenv | sort\necho "args: $*"\n`, { mode: 0o755 });
  const wrapper = readFileSync("openwrt/files/sluice.wrapper", "utf8")
    .replace("exec /usr/lib/sluice/sluice", `exec ${program}`)
    .replace("/etc/sluice/env", `${folder}/env`);
  const wrap = (args: readonly string[], env: Record<string, string> = {}) => {
    const result = spawnSync("busybox", ["ash", "-c", wrapper, "sluice", ...args], {
      env: { PATH: process.env["PATH"] ?? "", ...env },
      encoding: "utf8",
    });
    return result.stdout.split("\n");
  };

  test("takes leading settings as environment and leaves later ones as arguments", () => {
    const lines = wrap(["NODE_OPTIONS=--a --b", "TZ=x", "serve", "A=b"]);
    ok(lines.includes("NODE_OPTIONS=--a --b"));
    ok(lines.includes("TZ=x"));
    ok(lines.includes("args: serve A=b"));
    ok(lines.includes("SLUICE_NATIVE_FILE=/usr/lib/sluice/uws.node"));
  });

  test("drops what procd preloads", () => {
    const lines = wrap(["serve"], { LD_PRELOAD: "", LD_LIBRARY_PATH: "/lib" });
    ok(lines.every((line) => !line.startsWith("LD_")));
  });

  test("by hand it knows the variables of the daemon, without overwriting what is set", () => {
    mkdirSync(join(folder, "env"), { recursive: true });
    writeFileSync(join(folder, "env/SLUICE_ADMIN_TOKEN"), "token\n");
    writeFileSync(join(folder, "env/OPENAI_API_KEY"), "from-file\n");
    writeFileSync(join(folder, "env/not a name"), "x");
    const lines = wrap(["status"], { OPENAI_API_KEY: "from-shell" });
    ok(lines.includes("SLUICE_ADMIN_TOKEN=token"));
    ok(lines.includes("OPENAI_API_KEY=from-shell"));
    ok(lines.includes("args: status"));
    const daemon = wrap(["TZ=x", "serve"]);
    ok(daemon.every((line) => !line.startsWith("SLUICE_ADMIN_TOKEN=")));
  });
});
