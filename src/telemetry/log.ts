/** Logging: pino for everything but the request line, one bounded asynchronous destination, secrets cut at the sink. */
import { fstatSync } from "node:fs";
import pino from "pino";
import type { Timers } from "../base/clock.ts";
import { GatheredLines, type LineWriter } from "./gathered-lines.ts";
import { createPrettyPrinter } from "./pretty.ts";
import { createSecrets } from "./secrets.ts";

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error";

export interface Log {
  readonly level: LogLevel;
  trace(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** A line of JSON put together by hand (the request line), level info, to be finished at once; null where none is written. */
  startLine(): LineWriter | null;
  /** Values that must never appear, replaced wherever a line holds them. */
  hide(secrets: readonly string[]): void;
  /** Lines dropped because the destination was too slow. */
  readonly dropped: number;
  setLevel(level: LogLevel): void;
  /** Writes out what waits; for the end of the process. */
  flush(): void;
}

/** Waiting bytes beyond this are dropped and counted: logging never holds memory or a request up. */
const MAX_WAITING_BYTES = 1 << 20;
const FLUSH_MS = 250;
export interface LogOptions {
  readonly level: LogLevel;
  readonly format: "pretty" | "json";
  readonly color: boolean;
  readonly timers: Timers;
  /** File descriptor; 2 = stderr. */
  readonly fd: number;
}

/** Of a file a write is a copy, cheaper than waking another thread for it; a pipe or a terminal may hold its writer up. */
function isFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    return false; // closed: the destination says so itself
  }
}

export function createLog(options: LogOptions): Log {
  const destination = pino.destination({
    fd: options.fd,
    sync: isFile(options.fd),
    minLength: 4096,
    maxLength: MAX_WAITING_BYTES,
    contentMode: "buffer",
  });
  destination.on("drop", () => {
    log.dropped++;
  });
  // stderr may be gone (a closed terminal): the gateway goes on without its log.
  destination.on("error", () => {
    log.dropped++;
  });
  let secrets = createSecrets([]);
  const print = options.format === "pretty" ? createPrettyPrinter(options.color) : null;
  const lines = new GatheredLines(
    (bytes) => {
      const out =
        print === null && !secrets.areIn(bytes)
          ? Buffer.from(bytes)
          : Buffer.from(cleaned(bytes.toString("utf8")));
      // Typed for text only; in this mode it takes bytes.
      (destination as unknown as { write(bytes: Buffer): boolean }).write(out);
    },
    () => {
      if (!flushTimer.active) flushTimer.restart(FLUSH_MS);
    },
  );
  const flushTimer = options.timers.start(FLUSH_MS, () => {
    lines.handOver();
    destination.flush();
  });

  const cleaned = (text: string): string => {
    const clean = secrets.cut(text);
    return print === null ? clean : clean.replace(/[^\n]+\n/g, print);
  };
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.epochTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: pino.stdSerializers.err },
    },
    { write: (line: string) => lines.addLine(line) },
  );

  // Members instead of getters: a literal with a getter is a dictionary to V8, and every use of it a search.
  const log: Log & { level: LogLevel; dropped: number } = {
    level: options.level,
    dropped: 0,
    trace: (fields, message) => logger.trace(fields, message),
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    startLine: () => (log.level === "warn" || log.level === "error" ? null : lines),
    hide(values) {
      // What waits was written under the old ones.
      lines.handOver();
      secrets = createSecrets(values);
    },
    setLevel(next) {
      log.level = next;
      logger.level = next;
    },
    flush() {
      flushTimer.cancel();
      lines.handOver();
      destination.flushSync();
    },
  };
  return log;
}
