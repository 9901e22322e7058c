/** Finds and reads the configuration file as every command does. */
import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { findConfig } from "../config/find.ts";
import type { Env } from "../config/variables.ts";
import { Exit, reasonOf, WRONG_USAGE } from "./exit.ts";

export interface ConfigFile {
  readonly path: string;
  readonly text: string;
}

const MAX_BYTES = 4 * 1024 * 1024;

/** null: no file in any of the known places. Throws Exit 2 when a named one is missing. */
export function findConfigPath(flag: string | null, env: Env): string | null {
  const found = findConfig({ flag, env, home: homedir(), exists: existsSync });
  if (found.kind === "missing")
    throw new Exit(WRONG_USAGE, `${found.path}: there is no such file (${found.from})`);
  return found.kind === "file" ? found.path : null;
}

/** The places that were looked at, for a message. */
export function configPlaces(env: Env): string {
  const found = findConfig({ flag: null, env, home: homedir(), exists: () => false });
  return found.kind === "none" ? found.looked.join(", ") : found.path;
}

/** Throws Exit 2 when the file cannot be read. */
export function readConfigFile(path: string): ConfigFile {
  try {
    const { size } = statSync(path);
    if (size > MAX_BYTES) throw new Error(`is larger than ${MAX_BYTES} bytes`);
    return { path, text: readFileSync(path, "utf8") };
  } catch (error) {
    throw new Exit(WRONG_USAGE, `${path}: cannot be read: ${reasonOf(error)}`);
  }
}

/** One spelling for one file, however it was named. */
export function canonicalPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; // Gone meanwhile: the name is all there is.
  }
}
