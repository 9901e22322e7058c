/** Drives the load generator's process. */
import type { LoadMessage, LoadOrder, LoadResult, StreamOrder, StreamResult } from "./load-contract.ts";
import { LOAD_CORE, processFile, type Running, start } from "./servers.ts";

/** No order takes longer. */
const LONGEST_MS = 120_000;

export interface Load {
  send(order: LoadOrder): Promise<LoadResult>;
  /** `onOpen` runs once every stream has had its first event. */
  stream(order: StreamOrder, onOpen: () => void): Promise<StreamResult>;
  /** Events received so far. */
  count(): Promise<number>;
  stop(): Promise<void>;
}

export function startLoad(): Load {
  const running: Running = start(LOAD_CORE, [process.execPath, processFile("load")], {}, [
    "ignore",
    "inherit",
    "inherit",
    "ipc",
  ]);
  const { child } = running;
  const waitFor = <K extends LoadMessage["kind"]>(kind: K): Promise<Extract<LoadMessage, { kind: K }>> =>
    new Promise((resolve, reject) => {
      const stop = () => {
        clearTimeout(deadline);
        child.off("message", onMessage);
        child.off("exit", onExit);
      };
      const onMessage = (message: LoadMessage) => {
        if (message.kind !== kind) return;
        stop();
        resolve(message as Extract<LoadMessage, { kind: K }>);
      };
      const onExit = () => {
        stop();
        reject(new Error("the load generator ended"));
      };
      const deadline = setTimeout(() => {
        stop();
        reject(new Error(`the load generator said no "${kind}" in time`));
      }, LONGEST_MS);
      child.on("message", onMessage);
      child.on("exit", onExit);
    });
  return {
    send(order) {
      child.send(order);
      return waitFor("requests");
    },
    stream(order, onOpen) {
      const opened = (message: LoadMessage) => {
        if (message.kind === "open") onOpen();
      };
      child.on("message", opened);
      child.send(order);
      return waitFor("streams").finally(() => child.off("message", opened));
    },
    async count() {
      child.send("count");
      return (await waitFor("count")).events;
    },
    stop: () => running.stop(),
  };
}
