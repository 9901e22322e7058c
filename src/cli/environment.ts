/** The variables that configurations may use: the process's own, and those of `--env-file` and `--env-dir`. */
import { accessSync, constants, readdirSync, readFileSync, statSync } from "node:fs";
import { type EnvResult, type FileReader, loadEnvDir, loadEnvFile } from "../config/env-files.ts";
import type { Env } from "../config/variables.ts";
import { Exit, WRONG_USAGE } from "./exit.ts";
import { printError } from "./terminal.ts";

export interface EnvironmentOptions {
  readonly envFile?: string;
  readonly envDir?: string;
}

/** Throws Exit 2 with every line that is none. */
export function readEnvironment(options: EnvironmentOptions, own: Env = process.env): Env {
  let env = own;
  const errors: string[] = [];
  const take = (result: EnvResult): void => {
    env = result.env;
    errors.push(...result.errors);
    for (const line of result.warnings) printError(`warning: ${line}`);
  };
  if (options.envFile !== undefined) take(loadEnvFile(options.envFile, env, READER));
  if (options.envDir !== undefined) take(loadEnvDir(options.envDir, env, READER));
  if (errors.length > 0) throw new Exit(WRONG_USAGE, ...errors);
  return env;
}

/** A file of variables is small; anything larger was given by mistake. */
const MAX_BYTES = 1024 * 1024;

const READER: FileReader = {
  read(path) {
    try {
      const { size } = statSync(path);
      return size > MAX_BYTES ? null : readFileSync(path, "utf8");
    } catch {
      return null; // Missing, a directory, or not ours to read: the caller names the path.
    }
  },
  list(path) {
    try {
      return readdirSync(path);
    } catch {
      return null; // The same.
    }
  },
  isForbidden(path) {
    try {
      accessSync(path, constants.R_OK);
      return false;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "EACCES";
    }
  },
};
