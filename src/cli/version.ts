/** `sluice version`: what this is, down to the HTTP engine that would serve here. */
import { COMMIT, VERSION } from "../base/build-info.ts";
import { print } from "./terminal.ts";

export async function version(): Promise<void> {
  print(`sluice ${VERSION} (commit ${COMMIT}) node ${process.versions.node} engine ${await findEngine()}`);
}

async function findEngine(): Promise<string> {
  try {
    const { loadHyperExpress } = await import("../http/engine-choice.ts");
    await loadHyperExpress();
    return "hyper-express";
  } catch {
    return "node"; // No addon for this machine: serve says why.
  }
}
