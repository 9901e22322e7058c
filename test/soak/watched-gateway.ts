/** The gateway that the soak watches: how it is configured, what it says of itself, what its log tells. */
import { readFileSync, truncateSync } from "node:fs";
import { type Bundle, KEY, type Server } from "../bench/servers.ts";
import { PLAY_HEADER } from "./contract.ts";

export function configuration(upstreamPort: number, engine: string): string {
  const provider = (name: string) => `[provider.${name}]
base_url = "http://127.0.0.1:${upstreamPort}/${name}/v1"
api_key = "sk-upstream-${name}"
dialect = "openai"
forward_headers = ["${PLAY_HEADER}"]
`;
  // What the unit's MemoryMax leaves for bodies; circuits that open and close again all the time.
  return `[server]
host = "127.0.0.1"
port = 0
engine = "${engine}"
[limits]
max_buffered_bytes = "96MiB"
max_connections_per_client = 256
max_streams_per_client = 256
[circuit]
threshold = 8
cooldown = "1s"
[auth]
[[auth.keys]]
id = "soak"
key = "${KEY}"
${provider("flaky")}
${provider("good")}
${provider("lone")}
[model.fast]
strategy = "failover"
continuation = true
targets = [{ provider = "flaky", model = "gpt-4o-mini" }, { provider = "good", model = "gpt-4o-mini" }]
[model.lone]
targets = [{ provider = "lone", model = "gpt-4o-mini" }]
`;
}

export interface StatusPage {
  readonly engine: string;
  readonly node: string;
  readonly totals: { readonly active: number; readonly requests: number };
  readonly memory: {
    readonly heap_used_bytes: number;
    readonly bodies: { readonly used_bytes: number };
    readonly answers: { readonly used_bytes: number };
  };
  readonly connections: { readonly upstream_open: number };
  readonly targets: readonly {
    readonly target: string;
    readonly requests: number;
    readonly failures: number;
  }[];
}

export async function statusOf(gateway: Server): Promise<StatusPage> {
  const headers = { authorization: `Bearer ${KEY}` };
  const response = await fetch(`http://127.0.0.1:${gateway.port}/status`, { headers });
  if (!response.ok) throw new Error(`/status answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as StatusPage;
}

/** A fault inside the gateway, or what Node and uWebSockets.js write past the log. */
const FAULT = /^\{.*"level":"(?:error|fatal)"|^(?:\(node:|Warning|\w*Error\b|\s+at )/;

/** Lines of the log since the last look that tell of a fault. The file is emptied each time: it lies in memory. */
export function faultsIn(gateway: Bundle): string[] {
  const text = readFileSync(gateway.log, "utf8");
  truncateSync(gateway.log);
  return text.split("\n").filter((line) => FAULT.test(line));
}
