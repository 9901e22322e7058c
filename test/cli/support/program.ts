/** Runs the built program as a user does: in a home, a runtime folder and a working directory of the test's own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { TestContext } from "node:test";

const BUNDLE = resolve("dist/sluice.cjs");
/** Far above what anything here takes, also on a busy machine. */
const PATIENCE_MS = 20_000;

export interface Place {
  /** The working directory, empty at first. */
  readonly folder: string;
  /** Where PID file and snapshot go. */
  readonly runtime: string;
  readonly env: Readonly<Record<string, string>>;
  /** Writes a file of the working directory and returns its absolute path. */
  write(name: string, text: string): string;
}

/** Nothing of the machine's own environment gets in but PATH; removed with the test. */
export function makePlace(context: Pick<TestContext, "after">): Place {
  const folder = mkdtempSync(join(tmpdir(), "sluice-test-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const runtime = join(folder, "run");
  const home = join(folder, "home");
  const work = join(folder, "work");
  for (const path of [runtime, home, work]) mkdirSync(path);
  return {
    folder: work,
    runtime,
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: home,
      XDG_RUNTIME_DIR: runtime,
      RUNTIME_DIRECTORY: runtime,
      NO_PROXY: "*",
    },
    write(name, text) {
      const path = join(work, name);
      writeFileSync(path, text);
      return path;
    },
  };
}

export interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** stderr without its last line end, line by line. */
  readonly errors: readonly string[];
}

/** Runs one command to its end. */
export async function runCommand(
  place: Place,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const child = start(place, args, env);
  const out = collect(child.stdout);
  const err = collect(child.stderr);
  const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  await once(child, "close");
  clearTimeout(timer);
  const text = err();
  return {
    code: child.exitCode,
    out: out(),
    err: text,
    errors: text === "" ? [] : text.trimEnd().split("\n"),
  };
}

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface Running {
  readonly pid: number;
  /** Of the last "listening" line. */
  readonly port: number;
  readonly engine: string;
  /** Lines of JSON on stderr so far. */
  readonly logs: readonly LogLine[];
  readonly out: () => string;
  readonly err: () => string;
  /** The first line (from the `from`th on) that fits; rejects when the process ends or time runs out first. */
  line(fits: (line: LogLine) => boolean, from?: number): Promise<LogLine>;
  signal(name: NodeJS.Signals): void;
  /** Exit status, or the signal's name. */
  readonly ended: Promise<number | string>;
}

/** Starts `sluice serve` on a free port of 127.0.0.1 (unless the arguments say otherwise) and waits until it listens. */
export async function startServe(
  context: Pick<TestContext, "after">,
  place: Place,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Running> {
  const child = start(place, ["serve", ...args], env);
  const logs: LogLine[] = [];
  const waiting = new Set<() => void>();
  const out = collect(child.stdout);
  const err = collect(child.stderr, (line) => {
    if (!line.startsWith("{")) return;
    logs.push(JSON.parse(line) as LogLine);
    for (const look of [...waiting]) look();
  });
  let isOver = false;
  const ended = once(child, "close").then(() => {
    isOver = true;
    for (const look of [...waiting]) look();
    return child.exitCode ?? child.signalCode ?? "";
  });
  context.after(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const line = (fits: (line: LogLine) => boolean, from = 0) =>
    new Promise<LogLine>((resolve, reject) => {
      const finish = (act: () => void) => {
        clearTimeout(timer);
        waiting.delete(look);
        act();
      };
      const look = () => {
        const found = logs.slice(from).find(fits);
        if (found !== undefined) finish(() => resolve(found));
        else if (isOver) finish(() => reject(new Error(`the program ended:\n${err()}`)));
      };
      const timer = setTimeout(
        () => finish(() => reject(new Error(`no such line in time:\n${err()}`))),
        PATIENCE_MS,
      );
      waiting.add(look);
      look();
    });
  await line(({ msg }) => msg === "listening");
  const last = () => logs.findLast(({ msg }) => msg === "listening");
  return {
    pid: child.pid ?? 0,
    get port() {
      return Number(last()?.["port"]);
    },
    get engine() {
      return String(last()?.["engine"]);
    },
    logs,
    out,
    err,
    line,
    signal: (name) => void child.kill(name),
    ended,
  };
}

/** What every PID file in the runtime folder says. */
export function readPidFiles(place: Place): Record<string, unknown>[] {
  return readdirSync(place.runtime)
    .filter((name) => name.endsWith(".pid"))
    .map((name) => JSON.parse(readFileSync(join(place.runtime, name), "utf8")) as Record<string, unknown>);
}

/** A chat request of the built-in default's alias. */
export function chatBody(fields: object = {}): string {
  return JSON.stringify({ model: "demo", messages: [{ role: "user", content: "Hello" }], ...fields });
}

function start(place: Place, args: readonly string[], env: Readonly<Record<string, string>>) {
  // Node 20 takes `--env-file` behind the script's name for its own, unless `--` stands before (nodejs/node#54232).
  return spawn(process.execPath, ["--", BUNDLE, ...args], {
    cwd: place.folder,
    env: { ...place.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

function collect(
  stream: NonNullable<ChildProcess["stdout"]> | NodeJS.ReadableStream,
  onLine?: (line: string) => void,
): () => string {
  let text = "";
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    text += chunk;
    if (onLine === undefined) return;
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  });
  return () => text;
}
