// What is in the OpenWrt packages: the program with its C library, the files of openwrt/, the LuCI page.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { glibc, loaderName } from "./debian.mjs";
import { setLoader } from "./elf.mjs";

/** @typedef {import("./ipk.mjs").Package} Package */
/** @typedef {import("./tar.mjs").Entry} Entry */

const LIBRARY_FOLDER = "usr/lib/sluice";
const FILES = "openwrt/files";
const LUCI = "openwrt/luci-app-sluice";

/** @param {string} path @param {string | Buffer} content @param {number} [mode] @returns {Entry} */
const file = (path, content, mode = 0o644) => ({ path, type: "file", mode, content: Buffer.from(content) });
/** @param {string} path @param {string} source @param {number} [mode] */
const copy = (path, source, mode) => file(path, readFileSync(source), mode);

/**
 * The program, its addon, loader and libraries.
 * @param {import("./runtime.mjs").Arch} arch
 * @param {{ executable: string, addon: string, notices: string }} parts paths and a text; the executable is the one without the addon inside
 * @returns {Promise<Entry[]>}
 */
export async function programFiles(arch, { executable, addon, notices }) {
  const library = await glibc(arch);
  const program = setLoader(readFileSync(executable), {
    interpreter: `/${LIBRARY_FOLDER}/${loaderName(arch)}`,
    libraryFolder: `/${LIBRARY_FOLDER}`,
  });
  const note = `${library.notices}\n${"=".repeat(76)}\n\n${notices}`;
  return [
    file(`${LIBRARY_FOLDER}/sluice`, program, 0o755),
    copy(`${LIBRARY_FOLDER}/uws.node`, addon),
    ...library.libraries.map(({ name, content }) =>
      file(`${LIBRARY_FOLDER}/${name}`, content, name === loaderName(arch) ? 0o755 : 0o644),
    ),
    file(`${LIBRARY_FOLDER}/NOTICES`, note),
  ];
}

/** What both packages have in common. @param {{ version: string, license: string }} manifest @param {number} time */
const common = (manifest, time) => ({
  version: `${manifest.version}-r1`,
  license: manifest.license,
  maintainer: "The sluice maintainers",
  time,
});

/**
 * @param {{ version: string, license: string }} manifest package.json
 * @param {number} time @param {string} architecture opkg's name @param {readonly Entry[]} program from `programFiles`
 * @returns {Package}
 */
export function sluicePackage(manifest, time, architecture, program) {
  return {
    ...common(manifest, time),
    name: "sluice",
    architecture,
    section: "net",
    description: `LLM gateway for the edge
One address for all LLM providers, for every device on the LAN: holds the keys,
picks a provider that works, translates between protocols, enforces limits.
Brings its own C library. Needs 64 MB of free memory; off until enabled.`,
    depends: [],
    user: "sluice=853:sluice=853",
    conffiles: ["/etc/config/sluice", "/etc/sluice/config.toml"],
    entries: [
      ...program,
      copy("usr/bin/sluice", join(FILES, "sluice.wrapper"), 0o755),
      copy("etc/init.d/sluice", join(FILES, "sluice.init"), 0o755),
      copy("etc/config/sluice", join(FILES, "sluice.config")),
      copy("etc/sluice/config.toml", join(FILES, "config.toml"), 0o600),
      copy("etc/uci-defaults/95-sluice", join(FILES, "sluice.defaults"), 0o755),
      copy("lib/upgrade/keep.d/sluice", join(FILES, "sluice.keep")),
    ],
    postInstall: `[ -n "\${IPKG_INSTROOT}" ] || [ "$(uci -q get sluice.main.enabled)" = 1 ] ||
\techo "sluice is off. Turn it on: uci set sluice.main.enabled=1; uci commit sluice; service sluice start"
exit 0
`,
  };
}

/** @param {{ version: string, license: string }} manifest @param {number} time @returns {Package} */
export function luciPackage(manifest, time) {
  return {
    ...common(manifest, time),
    name: "luci-app-sluice",
    architecture: "all",
    section: "luci",
    description: "LuCI page for sluice\nStatus, settings and configuration of the LLM gateway.",
    depends: ["sluice", "luci-base"],
    conffiles: [],
    entries: [
      copy("usr/share/luci/menu.d/luci-app-sluice.json", join(LUCI, "menu.d/luci-app-sluice.json")),
      copy("usr/share/rpcd/acl.d/luci-app-sluice.json", join(LUCI, "acl.d/luci-app-sluice.json")),
      copy("www/luci-static/resources/view/sluice/overview.js", join(LUCI, "view/overview.js")),
    ],
    postInstall: `[ -n "\${IPKG_INSTROOT}" ] || {
\trm -rf /tmp/luci-indexcache* /tmp/luci-modulecache
\t/etc/init.d/rpcd reload 2>/dev/null
}
exit 0
`,
  };
}
