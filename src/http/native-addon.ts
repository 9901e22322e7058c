/** Finds and loads the native addon of uWebSockets.js: from a named file, from inside the executable, or from beside the bundle. */
import { createHash } from "node:crypto";
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { UwsModule } from "./native-types.ts";

/** sha256 by `<arch>_<abi>`; put in by the build. */
declare const SLUICE_ADDON_SHA256: Readonly<Record<string, string>> | undefined;

/** What the loader looks at; injected by tests. */
export interface AddonPlaces {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The file that runs; "" inside an executable. */
  readonly bundleFolder: string;
  /** The asset inside the executable, null when there is none. */
  readonly readAsset: (name: string) => Uint8Array | null;
  readonly sha256: Readonly<Record<string, string>>;
  readonly dlopen: (file: string) => unknown;
}

/**
 * Loads the addon for this CPU and Node, first place that has one: `$SLUICE_NATIVE_FILE`, the executable's asset, a
 * file beside the bundle, the installed package. Throws an Error that lists every place and why it did not do.
 */
export function loadNativeAddon(places: AddonPlaces = systemPlaces()): UwsModule {
  const name = addonName();
  const failures: string[] = [];
  const attempt = (place: string, load: () => unknown): UwsModule | null => {
    try {
      return load() as UwsModule;
    } catch (error) {
      failures.push(`${place}: ${error instanceof Error ? error.message.split("\n")[0] : error}`);
      return null;
    }
  };
  const named = places.env["SLUICE_NATIVE_FILE"];
  if (named !== undefined && named !== "") {
    const addon = attempt(named, () => places.dlopen(named));
    if (addon !== null) return addon;
  }
  const asset = places.readAsset(name);
  if (asset !== null) {
    const addon = attempt(`asset ${name}`, () => loadAsset(name, asset, places, failures));
    if (addon !== null) return addon;
  }
  for (const file of besideBundle(places.bundleFolder, name)) {
    if (!existsSync(file)) continue;
    const addon = attempt(file, () => places.dlopen(file));
    if (addon !== null) return addon;
  }
  if (failures.length === 0) failures.push(`no ${name} for Node ${process.version} on ${process.platform}`);
  throw new Error(`the native HTTP engine cannot be loaded: ${failures.join("; ")}`);
}

/** The file name in the package, e.g. `uws_linux_x64_137.node`. */
export function addonName(): string {
  return `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`;
}

function besideBundle(folder: string, name: string): readonly string[] {
  if (folder === "") return [];
  return [join(folder, name), join(folder, "..", "node_modules", "uWebSockets.js", name)];
}

function systemPlaces(): AddonPlaces {
  return {
    env: process.env,
    bundleFolder: typeof __dirname === "string" ? __dirname : dirname(process.argv[1] ?? ""),
    readAsset: readExecutableAsset,
    sha256: typeof SLUICE_ADDON_SHA256 === "undefined" ? {} : SLUICE_ADDON_SHA256,
    dlopen(file) {
      const holder = { exports: {} };
      process.dlopen(holder, file);
      return holder.exports;
    },
  };
}

function readExecutableAsset(name: string): Uint8Array | null {
  try {
    const sea = createRequire(join(process.execPath, "x"))("node:sea") as {
      isSea(): boolean;
      getRawAsset(key: string): ArrayBuffer;
    };
    return sea.isSea() ? new Uint8Array(sea.getRawAsset(name)) : null;
  } catch {
    return null; // Not an executable of ours, or one that was built without the asset (OpenWrt).
  }
}

function loadAsset(name: string, bytes: Uint8Array, places: AddonPlaces, failures: string[]): unknown {
  const key = name.replace(/^uws_[a-z0-9]+_|\.node$/g, "");
  const hash = createHash("sha256").update(bytes).digest("hex");
  if (hash !== places.sha256[key]) throw new Error("wrong sha256: the executable is damaged");
  const { env } = places;
  const folders = [
    env["SLUICE_NATIVE_DIR"],
    env["RUNTIME_DIRECTORY"],
    env["XDG_RUNTIME_DIR"],
    "/dev/shm",
    env["TMPDIR"],
    "/tmp",
    "/var/run",
  ];
  for (const folder of new Set(folders)) {
    if (folder === undefined || folder === "" || !existsSync(folder)) continue;
    for (const open of [openUnnamed, openNamed]) {
      try {
        return open(folder, bytes, places.dlopen);
      } catch (error) {
        failures.push(`${folder}: ${error instanceof Error ? error.message.split("\n")[0] : error}`);
      }
    }
  }
  throw new Error("no folder lets it be loaded");
}

/** Linux's O_TMPFILE: a file without a name, so nothing to race for and nothing to clean up. O_DIRECTORY differs by CPU. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;

function openUnnamed(folder: string, bytes: Uint8Array, dlopen: (file: string) => unknown): unknown {
  const file = openSync(folder, O_TMPFILE | constants.O_RDWR | constants.O_EXCL, 0o500);
  try {
    writeWhole(file, bytes);
    return dlopen(`/proc/self/fd/${file}`);
  } finally {
    closeSync(file);
  }
}

/** For systems without /proc or O_TMPFILE: a file in a private folder, gone as soon as it is mapped. */
function openNamed(folder: string, bytes: Uint8Array, dlopen: (file: string) => unknown): unknown {
  const own = mkdtempSync(join(folder, "sluice-"));
  try {
    const file = join(own, "addon.node");
    writeFileSync(file, bytes, { flag: "wx", mode: 0o500 });
    return dlopen(file);
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

function writeWhole(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}
