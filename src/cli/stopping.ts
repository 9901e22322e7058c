/** Signals: the first TERM or INT drains, a second one ends at once, HUP reloads; a bug that nobody caught ends the process. */
import type { Log } from "../telemetry/log.ts";

/** From the very start: a HUP that comes before there is anything to reload must not end the process, and is not lost. */
export function catchEarlyHangup(): { readonly came: boolean } {
  const early = { came: false };
  process.on("SIGHUP", () => {
    early.came = true;
  });
  return early;
}

export interface SignalActions {
  readonly log: Log;
  /** Resolves when everything is out. */
  readonly drain: () => Promise<void>;
  readonly reload: () => void;
  /** Before the process ends, on every way. Synchronous. */
  readonly leave: () => void;
}

/** npm passes on a Ctrl-C that the terminal has sent to every process already: an echo, not a second wish. */
const ECHO_MS = 100;

export function watchSignals({ log, drain, reload, leave }: SignalActions): void {
  let firstAt = 0;

  function end(code: number): void {
    try {
      leave();
    } catch (error) {
      log.error({ err: error }, "the end was not orderly");
    }
    log.flush();
    process.exit(code);
  }

  function stop(signal: NodeJS.Signals): void {
    const now = performance.now();
    if (firstAt === 0) {
      firstAt = now;
      log.info({ signal }, "draining: no new requests; a second signal ends at once");
      drain().then(
        () => end(0),
        (error: unknown) => crash(error),
      );
    } else if (now - firstAt > ECHO_MS) {
      log.warn({ signal }, "ended before the answers under way were out");
      end(1);
    }
  }

  /** State may be damaged: whoever watches the process (procd, systemd, a container runtime) starts a fresh one. */
  function crash(error: unknown): void {
    log.error({ err: error }, "internal error: the process ends");
    end(1);
  }

  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  process.on("SIGHUP", reload);
  process.on("uncaughtException", crash);
  process.on("unhandledRejection", crash);
}
