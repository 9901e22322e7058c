/** A scripted upstream and a client that talks to it, closed when the test ends. */
import type { TestContext } from "node:test";
import type { Origin } from "../../src/upstream/client.ts";
import type { UpstreamClientOptions } from "../../src/upstream/http1-client.ts";
import { type OriginOptions, originOf } from "../../src/upstream/origin.ts";
import {
  type Script,
  type ScriptedUpstream,
  startUpstream,
  type UpstreamOptions,
} from "../support/scripted-upstream.ts";
import { type TestClient, testClient } from "../support/upstream-call.ts";

export interface Stage extends TestClient {
  readonly upstream: ScriptedUpstream;
  readonly origin: Origin;
}

export interface StageOptions {
  readonly server?: UpstreamOptions;
  readonly client?: Partial<UpstreamClientOptions>;
  readonly origin?: OriginOptions;
}

/** The test fails when sockets, waiting calls or timers are left once the client is closed. */
export async function stage(
  t: TestContext,
  script: Script | readonly Script[],
  options: StageOptions = {},
): Promise<Stage> {
  const upstream = await startUpstream(script, options.server);
  const client = testClient(options.client);
  t.after(async () => {
    client.close();
    const { open, idle, waiting } = client.client.stats();
    const timers = client.time.timers.size;
    await upstream.close();
    if (open + idle + waiting + timers > 0) {
      throw new Error(`left behind: ${open} open, ${idle} idle, ${waiting} waiting, ${timers} timers`);
    }
  });
  return { ...client, upstream, origin: originOf(upstream.url, options.origin) };
}

/** Resolves after `ms` of real time: for things that must not happen meanwhile. */
export function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
