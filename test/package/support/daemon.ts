/** Starts a packaged sluice, however it is wrapped, and talks to it over loopback. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { createServer } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

const START_MS = 60_000;

export interface Daemon {
  readonly pid: number;
  readonly port: number;
  /** From the start of the process to its first 200. */
  readonly startMs: number;
  /** Everything written to stdout and stderr so far. */
  output(): string;
  /** For the end of a test, whatever happened. */
  kill(): void;
  /** SIGTERM, then the exit status (null when it had to be killed). */
  stop(): Promise<number | null>;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** A port that was free a moment ago, on 127.0.0.1. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** One request to 127.0.0.1. Rejects when nothing answers. */
export function ask(port: number, path: string, body?: string | Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    const sent = request(
      {
        host: "127.0.0.1",
        port,
        path,
        method: body === undefined ? "GET" : "POST",
        headers,
        timeout: 30_000,
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("end", () =>
          resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }),
        );
        answer.on("error", reject);
      },
    );
    sent.on("timeout", () => sent.destroy(new Error(`no answer from ${path} within 30 s`)));
    sent.on("error", reject);
    sent.end(body);
  });
}

/** A chat completion, streamed; `model` as in the built-in default. */
export function askStream(port: number, model = "demo"): Promise<Answer> {
  const messages = [{ role: "user", content: "Say something." }];
  return ask(port, "/v1/chat/completions", JSON.stringify({ model, stream: true, messages }));
}

interface DaemonOptions {
  readonly port: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** qemu-user now and then crashes itself while a program of many threads starts. */
const EMULATED = /^(?:arm64|aarch64)/.test(process.env["ARCH"] ?? "") && process.arch !== "arm64";
const MOST_STARTS = 3;

/**
 * Runs `command` (whose `serve` must listen on 127.0.0.1:`port`) and waits for its first 200. Throws with the
 * program's output when it ends or does not answer.
 */
export async function startDaemon(command: readonly string[], options: DaemonOptions): Promise<Daemon> {
  for (let starts = 1; ; starts++) {
    try {
      return await startOnce(command, options);
    } catch (error) {
      if (!EMULATED || starts === MOST_STARTS || !String(error).includes(" ended with SIGSEGV")) throw error;
      process.stderr.write(`the emulator crashed at start ${starts}: once more\n`);
    }
  }
}

async function startOnce(command: readonly string[], options: DaemonOptions): Promise<Daemon> {
  const [program = "", ...args] = command;
  const path = { PATH: process.env["PATH"] ?? "" };
  const started = performance.now();
  const child = spawn(program, args, {
    env: { ...path, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const exited = once(child, "exit");
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => {
      output = (output + text).slice(-64 * 1024);
    });
  }
  const kill = () => {
    child.kill("SIGKILL");
  };
  process.on("exit", kill);
  for (;;) {
    const answer = await ask(options.port, "/health").catch(() => null);
    if (answer?.status === 200) break;
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`${command.join(" ")} ended with ${child.exitCode ?? child.signalCode}:\n${output}`);
    if (performance.now() - started > START_MS) {
      kill();
      throw new Error(`${command.join(" ")} did not answer:\n${output}`);
    }
    await wait(1);
  }
  const startMs = performance.now() - started;
  return {
    pid: child.pid ?? 0,
    port: options.port,
    startMs,
    output: () => output,
    kill,
    async stop() {
      child.kill("SIGTERM");
      const timer = setTimeout(kill, 15_000);
      await exited;
      clearTimeout(timer);
      process.off("exit", kill);
      return child.exitCode;
    },
  };
}
