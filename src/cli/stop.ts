/** `sluice stop`: asks the running gateway to end and waits until its answers are out. */
import { setTimeout as wait } from "node:timers/promises";
import { canonicalPath } from "./config-file.ts";
import { chooseRunning } from "./control.ts";
import { type EnvironmentOptions, readEnvironment } from "./environment.ts";
import { Exit, FAILED, reasonOf } from "./exit.ts";
import { findRunning, isAlive } from "./pid-file.ts";
import { readPort } from "./serve-options.ts";
import { print } from "./terminal.ts";

export interface StopOptions extends EnvironmentOptions {
  readonly config?: string;
  readonly port?: string;
}

/** Beyond the drain: telemetry and state are written out. */
const GRACE_MS = 5000;
const LOOK_MS = 50;

export async function stop(options: StopOptions): Promise<void> {
  const env = readEnvironment(options);
  const port = options.port === undefined ? null : readPort(options.port);
  const config = options.config === undefined ? "" : canonicalPath(options.config);
  const gateway = chooseRunning(findRunning(env), config, port);
  if (gateway === null) throw new Exit(FAILED, "sluice: no running gateway was found on this machine");
  try {
    process.kill(gateway.pid, "SIGTERM");
  } catch (error) {
    throw new Exit(FAILED, `sluice: process ${gateway.pid} cannot be stopped: ${reasonOf(error)}`);
  }
  const deadline = performance.now() + gateway.drainTimeout + GRACE_MS;
  while (isAlive(gateway)) {
    if (performance.now() > deadline)
      throw new Exit(
        FAILED,
        `sluice: process ${gateway.pid} still runs; a second signal would end it at once`,
      );
    await wait(LOOK_MS);
  }
  print(`stopped process ${gateway.pid}`);
}
