/** What the rules of the simulation look at: the gateway, its servers, its callers, and when the operator last acted. */
import type { TargetRow } from "../../src/gateway/gateway.ts";
import type { SimulatedGateway } from "../support/simulated-gateway.ts";
import type { Call, Sent } from "./client-model.ts";
import type { ServerModel } from "./server-model.ts";

export interface World {
  readonly sim: SimulatedGateway;
  readonly strategy: string;
  readonly servers: ReadonlyMap<string, ServerModel>;
  readonly running: ReadonlySet<Call>;
  /** Upstream requests that run. */
  readonly open: ReadonlySet<Sent>;
  /** The internet, really. */
  wanDown: boolean;
  wanChangedAt: number;
  /** When the operator last turned something; -1 = never. */
  operatedAt: number;
  /** Per provider: when its state was last thrown away, by a reset or a reload that dropped it. */
  readonly forgottenAt: Map<string, number>;
  /** Providers that a reload has dropped at some time: their counters began anew. */
  readonly dropped: Set<string>;
}

const USABLE: ReadonlySet<string> = new Set(["cold", "warm", "degraded"]);
const CONTENT = /"content":"[^"]|"text_delta"/;

export function nowOf({ sim }: World): number {
  return sim.time.clock.now();
}

/** Rows of the alias `m`, by provider, of the configuration in force. */
export function rowsOf({ sim }: World): Map<string, TargetRow> {
  const rows = sim.gateway.status().models.find(({ alias }) => alias === "m")?.targets ?? [];
  return new Map(rows.map((row) => [row.target.split("/")[0] ?? "", row]));
}

export function isUsable(world: World, name: string, row: TargetRow | undefined): boolean {
  if (row === undefined || !USABLE.has(row.status)) return false;
  return name === "lan" || world.sim.gateway.status().wan === "up";
}

/** It has had content out of its server. */
export function hasContent({ request }: Sent): boolean {
  return CONTENT.test(request.delivered);
}
