/** The OpenWrt feeds below dist/openwrt, read with other people's programs (tar, gzip, signify) and an own reader of apk's format. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, createPublicKey } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readApk, readApkIndex } from "./support/apk-reader.ts";

const FEEDS = "dist/openwrt";
const MAX_IPK_BYTES = 45_000_000;
const ARCHITECTURES = [
  "aarch64_cortex-a53",
  "aarch64_cortex-a72",
  "aarch64_cortex-a76",
  "aarch64_generic",
  "x86_64",
];
const SIGNED = readdirSync(FEEDS).includes("keys");
const keys = SIGNED ? readdirSync(join(FEEDS, "keys")) : [];

const folder = mkdtempSync(join(tmpdir(), "sluice-feeds-"));
process.on("exit", () => rmSync(folder, { recursive: true }));

const sha256 = (bytes: Buffer | string) => createHash("sha256").update(bytes).digest("hex");
const run = (program: string, args: string[]) =>
  execFileSync(program, args, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });

/** The fields of control paragraphs, continuation lines joined. */
function parseControl(text: string): Map<string, string>[] {
  return text
    .trimEnd()
    .split("\n\n")
    .map((paragraph) => {
      const fields = paragraph.replace(/\n /g, "\u0000").split("\n");
      return new Map(
        fields.map((line) => {
          const at = line.indexOf(": ");
          return [line.slice(0, at), line.slice(at + 2).replaceAll("\u0000", "\n ")];
        }),
      );
    });
}

test("there is a feed for every architecture", () => {
  deepEqual(readdirSync(join(FEEDS, "ipk")).sort(), ARCHITECTURES);
  deepEqual(readdirSync(join(FEEDS, "apk")).sort(), ARCHITECTURES);
});

for (const architecture of ARCHITECTURES) {
  const ipkFolder = join(FEEDS, "ipk", architecture);
  const apkFolder = join(FEEDS, "apk", architecture);

  test(`${architecture}: the .ipk holds what opkg expects, in its order, owned by root`, () => {
    const name = readdirSync(ipkFolder).find((file) => file.startsWith("sluice_"));
    match(name ?? "", new RegExp(`^sluice_\\d+\\.\\d+\\.\\d+-r\\d+_${architecture}\\.ipk$`));
    const ipk = join(ipkFolder, name ?? "");
    ok(statSync(ipk).size <= MAX_IPK_BYTES, `${statSync(ipk).size} bytes`);
    deepEqual(run("tar", ["-tzf", ipk]).trim().split("\n"), [
      "./debian-binary",
      "./data.tar.gz",
      "./control.tar.gz",
    ]);
    const own = join(folder, architecture);
    mkdirSync(own, { recursive: true });
    run("tar", ["-xzf", ipk, "-C", own]);
    equal(readFileSync(join(own, "debian-binary"), "utf8"), "2.0\n");
    const control = run("tar", ["-xzOf", join(own, "control.tar.gz"), "./control"]);
    const [fields] = parseControl(control);
    equal(fields?.get("Package"), "sluice");
    equal(fields?.get("Architecture"), architecture);
    match(fields?.get("Version") ?? "", /^\d+\.\d+\.\d+-r\d+$/);
    equal(fields?.get("Require-User"), "sluice=853:sluice=853");
    ok(control.indexOf("\nDescription: ") > control.indexOf("\nInstalled-Size: "), "Description is last");
    equal(
      run("tar", ["-xzOf", join(own, "control.tar.gz"), "./conffiles"]),
      "/etc/config/sluice\n/etc/sluice/config.toml\n",
    );
    const meta = run("tar", ["-tvzf", join(own, "control.tar.gz")]);
    match(meta, /^-rwxr-xr-x root\/root .* \.\/postinst$/m);
    match(meta, /^-rwxr-xr-x root\/root .* \.\/prerm$/m);

    const list = run("tar", ["-tvzf", join(own, "data.tar.gz"), "--numeric-owner"])
      .trim()
      .split("\n");
    for (const line of list) match(line, /^\S+ 0\/0 /);
    const modes = new Map(list.map((line) => [line.slice(line.indexOf("./")), line.slice(0, 10)]));
    equal(modes.get("./usr/bin/sluice"), "-rwxr-xr-x");
    equal(modes.get("./usr/lib/sluice/sluice"), "-rwxr-xr-x");
    equal(modes.get("./etc/init.d/sluice"), "-rwxr-xr-x");
    equal(modes.get("./etc/sluice/config.toml"), "-rw-------");
    ok(modes.has("./usr/lib/sluice/NOTICES"));
    ok(modes.has("./lib/upgrade/keep.d/sluice"));
    const size = list.reduce(
      (sum, line) => sum + (line.startsWith("-") ? Number(line.split(/\s+/)[2]) : 0),
      0,
    );
    equal(Number(fields?.get("Installed-Size")), size);
    for (const script of ["postinst", "prerm"]) {
      const file = join(own, script);
      writeFileSync(file, run("tar", ["-xzOf", join(own, "control.tar.gz"), `./${script}`]));
      run("busybox", ["ash", "-n", file]);
    }
  });

  test(`${architecture}: the opkg index lists each package with its size and hash`, () => {
    const index = readFileSync(join(ipkFolder, "Packages"), "utf8");
    equal(run("gzip", ["-dc", join(ipkFolder, "Packages.gz")]), index);
    const listed = parseControl(index);
    deepEqual(listed.map((fields) => fields.get("Package")).sort(), ["luci-app-sluice", "sluice"]);
    for (const fields of listed) {
      const bytes = readFileSync(join(ipkFolder, fields.get("Filename") ?? ""));
      equal(Number(fields.get("Size")), bytes.length);
      equal(fields.get("SHA256sum"), sha256(bytes));
    }
  });

  test(`${architecture}: signify takes the index's signature, and no other index`, { skip: !SIGNED }, () => {
    const publicKey = join(FEEDS, "keys", keys.find((name) => /^[0-9a-f]{16}$/.test(name)) ?? "");
    const verify = (message: string) =>
      run("signify-openbsd", [
        "-V",
        "-q",
        "-p",
        publicKey,
        "-x",
        join(ipkFolder, "Packages.sig"),
        "-m",
        message,
      ]);
    verify(join(ipkFolder, "Packages"));
    const changed = join(folder, `${architecture}.Packages`);
    writeFileSync(
      changed,
      readFileSync(join(ipkFolder, "Packages"), "utf8").replace("Package: ", "Package: x"),
    );
    let refused = false;
    try {
      verify(changed);
    } catch {
      refused = true;
    }
    ok(refused, "a changed index is refused");
  });

  test(`${architecture}: the .apk holds the same files, and its signature and the index's are right`, () => {
    const pem = SIGNED ? createPublicKey(readFileSync(join(FEEDS, "keys", "sluice.pem"))) : null;
    const index = readApkIndex(readFileSync(join(apkFolder, "packages.adb")));
    if (pem) ok(index.verify(pem), "the index's signature");
    deepEqual(index.packages.map((item) => item.name).sort(), ["luci-app-sluice", "sluice"]);
    for (const listed of index.packages) {
      const bytes = readFileSync(join(apkFolder, `${listed.name}-${listed.version}.apk`));
      equal(listed.fileSize, bytes.length);
      const apk = readApk(bytes);
      if (pem) ok(apk.verify(pem), `${listed.name}: signature`);
      equal(apk.info.name, listed.name);
      equal(apk.info.architecture, listed.name === "sluice" ? architecture : "noarch");
      equal(apk.info.hash, apk.uniqueId, "the unique id is the hash with itself zero");
      equal(listed.hash, apk.payloadHash.slice(0, 40), "the index names the package by its hash");
      for (const file of apk.files) {
        equal(file.hash, sha256(file.content), file.path);
        equal(file.size, file.content.length, file.path);
        equal(file.owner, "root:root");
      }
      if (listed.name !== "sluice") continue;
      const files = new Map(apk.files.map((file) => [file.path, file]));
      equal(files.get("lib/apk/packages/sluice.rusers")?.content.toString(), "sluice=853:sluice=853\n");
      equal(
        files.get("lib/apk/packages/sluice.conffiles")?.content.toString(),
        "/etc/config/sluice\n/etc/sluice/config.toml\n",
      );
      equal(files.get("etc/sluice/config.toml")?.mode, 0o600);
      const data = join(folder, architecture, "data.tar.gz");
      const inIpk = run("tar", ["-tzf", data])
        .trim()
        .split("\n")
        .filter((path) => !path.endsWith("/"))
        .map((path) => path.slice(2));
      const inApk = [...files.keys()].filter((path) => !path.startsWith("lib/apk/"));
      deepEqual(inApk.sort(), inIpk.sort());
      const program = execFileSync("tar", ["-xzOf", data, "./usr/lib/sluice/sluice"], { maxBuffer: 2 ** 28 });
      equal(files.get("usr/lib/sluice/sluice")?.hash, sha256(program));
      deepEqual(Object.keys(apk.scripts).sort(), ["postInstall", "postUpgrade", "preDeinstall"]);
    }
  });
}
