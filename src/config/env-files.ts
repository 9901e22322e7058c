/** Variables out of files: `--env-file` (KEY=VALUE lines) and `--env-dir` (one file per variable, mounted secrets). */
import { join } from "node:path";
import type { Env } from "./variables.ts";

/** How files are read; injected. */
export interface FileReader {
  /** The text of a regular file; null when there is none that can be read. */
  read(path: string): string | null;
  /** Names in a directory; null when there is no such directory. */
  list(path: string): readonly string[] | null;
  /** True: something is there that the process has no right to read. */
  isForbidden(path: string): boolean;
}

export interface EnvResult {
  /** The environment with what the files add; what was set stays. */
  readonly env: Env;
  /** `FILE:LINE: what is wrong`; never a value. */
  readonly errors: readonly string[];
  /** What was left out, in the same form. */
  readonly warnings: readonly string[];
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,255}$/;
/** More than any set of secrets needs; a directory given by mistake is not read for ever. */
const MAX_FILES = 1000;

/** Lines `KEY=VALUE`, `export KEY=VALUE`, `KEY="VALUE"`; `#` begins a comment line. Later lines win over earlier ones. */
export function loadEnvFile(path: string, env: Env, reader: FileReader): EnvResult {
  const text = reader.read(path);
  if (text === null) return { env, errors: [`${path}: cannot be read`], warnings: [] };
  const added: Record<string, string> = Object.create(null);
  const errors: string[] = [];
  text.split(/\r?\n/).forEach((line, index) => {
    const pair = line.trim().replace(/^export\s+/, "");
    if (pair === "" || pair.startsWith("#")) return;
    const equals = pair.indexOf("=");
    const name = pair.slice(0, Math.max(equals, 0)).trim();
    if (NAME.test(name)) added[name] = unquote(pair.slice(equals + 1).trim());
    else errors.push(`${path}:${index + 1}: is no KEY=VALUE line`);
  });
  return { env: { ...added, ...setOnly(env) }, errors, warnings: [] };
}

/** One file per variable; its name is the variable's, its text without the last line end the value. Dot entries are skipped. */
export function loadEnvDir(path: string, env: Env, reader: FileReader): EnvResult {
  const names = reader.list(path);
  const fail = (error: string): EnvResult => ({ env, errors: [error], warnings: [] });
  if (names === null) return fail(`${path}: is no directory that can be read`);
  const wanted = names.filter((name) => !name.startsWith(".") && NAME.test(name));
  if (wanted.length > MAX_FILES)
    return fail(`${path}: has ${wanted.length} files; allowed: at most ${MAX_FILES}`);
  const added: Record<string, string> = Object.create(null);
  const warnings: string[] = [];
  for (const name of wanted) {
    const file = join(path, name);
    const text = reader.read(file);
    if (text !== null) added[name] = text.replace(/\r?\n$/, "");
    else if (reader.isForbidden(file))
      warnings.push(`${file}: is left out: no permission to read it (its group must be the gateway's)`);
  }
  return { env: { ...added, ...setOnly(env) }, errors: [], warnings };
}

function setOnly(env: Env): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined));
}

function unquote(value: string): string {
  const quoted = /^"(.*)"$|^'(.*)'$/.exec(value);
  return quoted === null ? value : (quoted[1] ?? quoted[2] ?? "");
}
