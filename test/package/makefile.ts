/** openwrt/Makefile installs exactly what is in the .ipk, tried with a stand-in for OpenWrt's buildroot. */
import { deepEqual, equal } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";

const folder = mkdtempSync(join(tmpdir(), "sluice-makefile-"));
process.on("exit", () => rmSync(folder, { recursive: true }));

const RULES = `INCLUDE_DIR:=$(TOPDIR)
TAR:=tar
CP:=cp -fpR
INSTALL_DIR:=install -d -m0755
INSTALL_BIN:=install -m0755
INSTALL_CONF:=install -m0600
INSTALL_DATA:=install -m0644
`;
const PACKAGE = `define BuildPackage
all:
	$$(call Build/Prepare)
	$$(call Package/$(1)/install,$(OUT))
	@echo "$$(PKG_HASH) $$(PKG_SOURCE) [$$(strip $$(STRIP)$$(RSTRIP))]"
	@$$(call Package/$(1)/extra_provides)
endef
`;

/** Every file with its mode, as ls shows it. */
const listFiles = (root: string) =>
  execFileSync("find", [root, "-type", "f", "-printf", "%P %m %s\n"], { encoding: "utf8" })
    .trim()
    .split("\n")
    .sort();

for (const [arch, opkgName, own] of [
  ["x86_64", "x86_64", "x64"],
  ["aarch64", "aarch64_generic", "arm64"],
] as const) {
  test(`${arch}: the buildroot package has the files, modes and hash of the released one`, () => {
    const out = join(folder, arch, "out");
    const work = join(folder, arch, "package");
    mkdirSync(out, { recursive: true });
    cpSync("openwrt", work, { recursive: true });
    cpSync("dist/openwrt/hashes.mk", join(work, "hashes.mk"));
    writeFileSync(join(folder, arch, "rules.mk"), RULES);
    writeFileSync(join(folder, arch, "package.mk"), PACKAGE);
    const variables = {
      TOPDIR: join(folder, arch),
      DL_DIR: resolve("dist/openwrt"),
      PKG_BUILD_DIR: join(folder, arch, "build"),
      ARCH: arch,
      OUT: out,
    };
    const settings = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    const text = execFileSync("make", ["-s", "--no-print-directory", ...settings, "all"], {
      cwd: work,
      encoding: "utf8",
    });
    const archive = readdirSync("dist/openwrt").find((name) => name.endsWith(`-${own}.tar.gz`)) ?? "";
    const [hash] = execFileSync("sha256sum", [join("dist/openwrt", archive)], { encoding: "utf8" }).split(
      " ",
    );
    equal(text.split("\n")[0], `${hash} ${archive} [::]`);

    const packages = join("dist/openwrt/ipk", opkgName);
    const ipk = readdirSync(packages).find((name) => name.startsWith("sluice_")) ?? "";
    const released = join(folder, arch, "released");
    mkdirSync(released);
    const data = join(folder, arch, "data.tar.gz");
    writeFileSync(
      data,
      execFileSync("tar", ["-xzOf", join(packages, ipk), "./data.tar.gz"], { maxBuffer: 2 ** 28 }),
    );
    execFileSync("tar", ["-xpzf", data, "-C", released]);
    deepEqual(listFiles(out), listFiles(released));
    // What the build checks for: each library that the program needs is named as provided.
    const libraries = readdirSync(join(released, "usr/lib/sluice")).filter((name) => /\.so\.\d/.test(name));
    for (const name of libraries) equal(text.includes(name), true, name);
    equal(readFileSync(join(work, "Makefile"), "utf8").includes("USERID:=sluice=853:sluice=853"), true);
  });
}
