/** What the checks between sections are given, and where they put what they find. */
import type { KeyPath } from "./locate.ts";
import type { Config } from "./schema.ts";

/** What the checks look at. `config` holds what the schema accepted; the names also what it did not. */
export interface CheckInput {
  readonly config: Config;
  readonly providerNames: ReadonlySet<string>;
  readonly aliases: ReadonlySet<string>;
  /** Wall clock, milliseconds. */
  readonly now: number;
}

/** Where the checks put what they find. Paths are those of the file, keys as written there. */
export interface CheckReport {
  error(path: KeyPath, message: string): void;
  warn(path: KeyPath, message: string): void;
}
