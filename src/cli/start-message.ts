/** What a person sees when the gateway starts: where it is, one command that works, and what it found. */
import { networkInterfaces } from "node:os";
import { classifyAddress, parseAddress } from "../base/net.ts";
import type { Config } from "../config/schema.ts";

export interface Place {
  /** As listened on: an address, `::` or `0.0.0.0`. */
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

export interface StartMessage {
  readonly url: string;
  readonly curl: string;
  /** The lines for a terminal. */
  readonly text: string;
}

export function startMessage(config: Config, place: Place, chosen: readonly string[]): StartMessage {
  const url = baseUrl(place, config.auth.anonymous === "loopback");
  const curl = curlLine(config, url, place.tls);
  const lines = [
    "",
    `  sluice is ready at ${url}`,
    `  SDKs:  base URL ${url}/v1 (OpenAI, Cohere, Gemini, Anthropic: ${url})`,
    ...(chosen.length === 0 ? [] : [`  Found: ${chosen.join("; ")}`]),
    "  Try:",
    `  ${curl}`,
    "",
  ];
  return { url, curl, text: `${lines.join("\n")}\n` };
}

/** The address others on the LAN use; this machine's own where nothing else is listened on, or allowed. */
function baseUrl({ host, port, tls }: Place, loopback = false): string {
  const isAny = host === "::" || host === "0.0.0.0";
  const address = isAny ? (loopback ? "127.0.0.1" : (findLanAddress() ?? "127.0.0.1")) : host;
  return `${tls ? "https" : "http"}://${address.includes(":") ? `[${address}]` : address}:${port}`;
}

/** Bridges of containers and virtual machines have private addresses that nobody on the LAN can reach. */
const VIRTUAL = /^(?:docker|br-[0-9a-f]{12}$|veth|virbr|vmnet|lxc|cni|flannel|tun|tap|wg|tailscale)/;

function findLanAddress(): string | null {
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (VIRTUAL.test(name)) continue;
    for (const { address, family, internal } of addresses ?? []) {
      const bytes = family === "IPv4" && !internal ? parseAddress(address) : null;
      if (bytes !== null && classifyAddress(bytes, []) === "lan" && !address.startsWith("169.254."))
        return address;
    }
  }
  return null;
}

function curlLine(config: Config, url: string, tls: boolean): string {
  const body = JSON.stringify({ model: pickModel(config), messages: [{ role: "user", content: "Hello" }] });
  const key = config.auth.anonymous === "none" ? " -H 'authorization: Bearer YOUR_KEY'" : "";
  const quoted = body.replaceAll("'", "'\\''");
  return `curl ${tls ? "-k " : ""}${url}/v1/chat/completions -H 'content-type: application/json'${key} -d '${quoted}'`;
}

/** `auto` where providers were found, else `demo`, else the first alias that is one name. */
function pickModel(config: Config): string {
  for (const alias of ["auto", "demo"]) if ((config.model.get(alias)?.targets.length ?? 0) > 0) return alias;
  const usable = [...config.model.values()].filter(({ targets }) => targets.length > 0);
  return (usable.find(({ alias }) => !alias.includes("*")) ?? usable[0])?.alias ?? "MODEL";
}
