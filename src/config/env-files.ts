/** Variables out of files: `--env-file` (KEY=VALUE lines) and `--env-dir` (one file per variable, mounted secrets). */
import { join } from "node:path";
import type { Env } from "./variables.ts";

/** How files are read; injected. */
export interface FileReader {
  /** The text of a regular file; null when there is none that can be read. */
  read(path: string): string | null;
  /** Names in a directory; null when there is no such directory. */
  list(path: string): readonly string[] | null;
}

export interface EnvResult {
  /** The environment with what the files add; what was set stays. */
  readonly env: Env;
  /** `FILE:LINE: what is wrong`; never a value. */
  readonly errors: readonly string[];
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,255}$/;
/** More than any set of secrets needs; a directory given by mistake is not read for ever. */
const MAX_FILES = 1000;

/** Lines `KEY=VALUE`, `export KEY=VALUE`, `KEY="VALUE"`; `#` begins a comment line. Later lines win over earlier ones. */
export function loadEnvFile(path: string, env: Env, reader: FileReader): EnvResult {
  const text = reader.read(path);
  if (text === null) return { env, errors: [`${path}: cannot be read`] };
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
  return { env: { ...added, ...setOnly(env) }, errors };
}

/** One file per variable; its name is the variable's, its text without the last line end the value. Dot entries are skipped. */
export function loadEnvDir(path: string, env: Env, reader: FileReader): EnvResult {
  const names = reader.list(path);
  if (names === null) return { env, errors: [`${path}: is no directory that can be read`] };
  const wanted = names.filter((name) => !name.startsWith(".") && NAME.test(name));
  if (wanted.length > MAX_FILES)
    return { env, errors: [`${path}: has ${wanted.length} files; allowed: at most ${MAX_FILES}`] };
  const added: Record<string, string> = Object.create(null);
  for (const name of wanted) {
    const text = reader.read(join(path, name));
    if (text !== null) added[name] = text.replace(/\r?\n$/, "");
  }
  return { env: { ...added, ...setOnly(env) }, errors: [] };
}

function setOnly(env: Env): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined));
}

function unquote(value: string): string {
  const quoted = /^"(.*)"$|^'(.*)'$/.exec(value);
  return quoted === null ? value : (quoted[1] ?? quoted[2] ?? "");
}
