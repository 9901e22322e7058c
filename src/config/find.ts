/** Which file is the configuration: the first of the known places that has one (10-config.md). */
import { isAbsolute, join } from "node:path";
import type { Env } from "./variables.ts";

export interface ConfigPlaces {
  /** `--config`; null when not given. */
  readonly flag: string | null;
  readonly env: Env;
  /** The user's home directory; "" when there is none. */
  readonly home: string;
  readonly exists: (path: string) => boolean;
}

export type FoundConfig =
  | { readonly kind: "file"; readonly path: string; readonly from: string }
  /** Named by the user, but not there: fatal. */
  | { readonly kind: "missing"; readonly path: string; readonly from: string }
  /** No file anywhere: the built-in default serves. */
  | { readonly kind: "none"; readonly looked: readonly string[] };

export function findConfig(places: ConfigPlaces): FoundConfig {
  const { flag, env, home, exists } = places;
  const named = [
    [flag, "--config"],
    [env["SLUICE_CONFIG"] || null, "SLUICE_CONFIG"],
  ] as const;
  for (const [path, from] of named)
    if (path !== null) return exists(path) ? { kind: "file", path, from } : { kind: "missing", path, from };

  const looked = ["/etc/sluice/config.toml"];
  // The XDG base directory specification: relative paths are to be ignored.
  const xdg = env["XDG_CONFIG_HOME"] ?? "";
  const userFolder = isAbsolute(xdg) ? xdg : home === "" ? "" : join(home, ".config");
  if (userFolder !== "") looked.push(join(userFolder, "sluice", "config.toml"));
  looked.push("./config.toml");
  const path = looked.find(exists);
  return path === undefined ? { kind: "none", looked } : { kind: "file", path, from: "default place" };
}
