// Keeps what the build fetches from npm and Debian, so that neither CI nor a second build fetches it again.
import { createHash } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

/** The folder of fetched files: $XDG_CACHE_HOME/sluice, else .cache/fetched in the checkout. */
export function cacheFolder() {
  const base = process.env["XDG_CACHE_HOME"];
  return base ? join(base, "sluice") : resolve(".cache/fetched");
}

/**
 * The folder `name` of the cache; `fill` makes its content once, in a temporary folder that is then renamed, so
 * that an interrupted fetch leaves nothing behind.
 * @param {string} name @param {(folder: string) => void | Promise<void>} fill
 * @returns {Promise<string>}
 */
export async function cached(name, fill) {
  const folder = join(cacheFolder(), name);
  if (existsSync(folder)) return folder;
  const partial = `${folder}.${process.pid}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  try {
    await fill(partial);
    renameSync(partial, folder);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    // Another build may have been faster.
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

/** @param {string} file @returns {Promise<string>} sha256 in hex */
export async function sha256File(file) {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest("hex");
}
