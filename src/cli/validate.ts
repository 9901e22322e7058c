/** `sluice validate`: the same loading as serve; every problem on a line of its own, or a summary of what is there. */
import { loadConfig } from "../config/load.ts";
import { formatErrors } from "../config/problem.ts";
import { summarise } from "../config/summary.ts";
import { configPlaces, findConfigPath, readConfigFile } from "./config-file.ts";
import { type EnvironmentOptions, readEnvironment } from "./environment.ts";
import { Exit, WRONG_USAGE } from "./exit.ts";
import { print, printError } from "./terminal.ts";
import { unservedSections } from "./unserved.ts";

export interface ValidateOptions extends EnvironmentOptions {
  readonly config?: string;
}

export function validate(options: ValidateOptions): void {
  const env = readEnvironment(options);
  const path = findConfigPath(options.config ?? null, env);
  if (path === null)
    throw new Exit(WRONG_USAGE, `there is no configuration file; looked for: ${configPlaces(env)}`);
  const { text } = readConfigFile(path);
  const result = loadConfig(text, { file: path, env, now: Date.now() });
  for (const line of problemLines(result.warnings)) printError(`warning: ${line}`);
  if (!result.ok) throw new Exit(WRONG_USAGE, ...problemLines(result.errors));
  for (const line of unservedSections(result.config)) printError(`warning: ${path}: ${line}`);
  print(summarise(result.config));
}

/** Each problem on one line. */
export function problemLines(problems: Parameters<typeof formatErrors>[0]): string[] {
  return problems.map((problem) => formatErrors([problem]).trimEnd());
}
