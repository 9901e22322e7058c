// Fetches the C and C++ libraries that Node needs, from Debian 12, for systems that have none (OpenWrt, empty containers).
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cached } from "./cache.mjs";

const SUITE = "bookworm";
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const PACKAGES = ["libc6", "libgcc-s1", "libstdc++6", "gcc-12-base"];

/** @type {Record<import("./runtime.mjs").Arch, { debian: string, triplet: string, loader: string }>} */
const NAMES = {
  x64: { debian: "amd64", triplet: "x86_64-linux-gnu", loader: "ld-linux-x86-64.so.2" },
  arm64: { debian: "arm64", triplet: "aarch64-linux-gnu", loader: "ld-linux-aarch64.so.1" },
};

/** File name of the dynamic loader. @param {import("./runtime.mjs").Arch} arch */
export function loaderName(arch) {
  return NAMES[arch].loader;
}

/**
 * A root folder with Debian packages unpacked, fetched by apt with its own lists (no root, no change to the system,
 * any host architecture) and checked by Debian's signatures. Their versions are in its versions.txt.
 * @param {string} arch x64 or arm64 @param {readonly string[]} packages @returns {Promise<string>}
 */
export function debianFiles(arch, packages) {
  if (arch !== "x64" && arch !== "arm64") throw new Error(`no Debian packages for ${arch}`);
  return cached(`debian-${SUITE}-${arch}-${packages.join("-")}`, (partial) => {
    const apt = join(partial, "apt");
    for (const name of ["state/lists/partial", "cache/archives/partial", "debs"])
      mkdirSync(join(apt, name), { recursive: true });
    writeFileSync(join(apt, "status"), "");
    const mirror = `[signed-by=${KEYRING}] http://deb.debian.org`;
    writeFileSync(
      join(apt, "sources.list"),
      `deb ${mirror}/debian ${SUITE} main\ndeb ${mirror}/debian-security ${SUITE}-security main\n`,
    );
    const options = Object.entries({
      "APT::Architecture": NAMES[arch].debian,
      "APT::Architectures": NAMES[arch].debian,
      "APT::Sandbox::User": "",
      "Acquire::Languages": "none",
      "Acquire::Retries": "3",
      "Dir::State": join(apt, "state"),
      "Dir::State::status": join(apt, "status"),
      "Dir::Cache": join(apt, "cache"),
      "Dir::Etc::sourcelist": join(apt, "sources.list"),
      "Dir::Etc::sourceparts": "/dev/null",
      "Dir::Etc::preferencesparts": "/dev/null",
    }).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
    const debs = join(apt, "debs");
    execFileSync("apt-get", [...options, "-qq", "update"], { stdio: ["ignore", "ignore", "inherit"] });
    execFileSync("apt-get", [...options, "-qq", "download", ...packages], {
      cwd: debs,
      stdio: ["ignore", "ignore", "inherit"],
    });
    for (const deb of readdirSync(debs)) execFileSync("dpkg-deb", ["-x", join(debs, deb), partial]);
    const versions = readdirSync(debs).map((deb) => decodeURIComponent(deb.replace(/_[a-z0-9]+\.deb$/, "")));
    writeFileSync(join(partial, "versions.txt"), `${versions.sort().join("\n")}\n`);
    rmSync(apt, { recursive: true });
  });
}

/** The libraries of Debian as a root folder. @param {import("./runtime.mjs").Arch} arch */
export function debianRoot(arch) {
  return debianFiles(arch, PACKAGES);
}

/**
 * The seven libraries (with glibc 2.34 and newer, names are resolved without libnss files) and what their licences ask for.
 * @param {import("./runtime.mjs").Arch} arch
 * @returns {Promise<{ libraries: { name: string, content: Buffer }[], notices: string }>}
 */
export async function glibc(arch) {
  const root = await debianRoot(arch);
  const { triplet, loader } = NAMES[arch];
  const files = [loader, "libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "libgcc_s.so.1"];
  const libraries = files.map((name) => ({ name, content: readFileSync(join(root, "lib", triplet, name)) }));
  const cpp = "libstdc++.so.6";
  libraries.push({ name: cpp, content: readFileSync(join(root, "usr/lib", triplet, cpp)) });
  const versions = readFileSync(join(root, "versions.txt"), "utf8").trim().split("\n");
  const copyright = ["libc6", "gcc-12-base"].map((name) =>
    readFileSync(join(root, "usr/share/doc", name, "copyright"), "utf8"),
  );
  const source = versions
    .map((version) => `  ${version.replace("_", " ")} (${NAMES[arch].debian})\n`)
    .join("");
  const notices = `The libraries in this folder are unchanged files of these packages of Debian 12 "${SUITE}":

${source}
Their sources: "apt-get source libc6 libstdc++6" on Debian 12, https://sources.debian.org/ or
https://snapshot.debian.org/ with the versions above. glibc is under the LGPL 2.1 or newer; libstdc++ and libgcc are
under the GPL 3 with the GCC runtime library exception. You may replace each file by your own build of the library.

${copyright.join(`\n${"-".repeat(76)}\n\n`)}`;
  return { libraries, notices };
}
