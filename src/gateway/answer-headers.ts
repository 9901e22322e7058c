/** The head of an answer: what passes from the upstream, and what the gateway says of the route (20-http.md, Returned). */
import { CONNECTION_HEADERS, type HeaderList } from "../base/headers.ts";
import type { ResponseHead } from "../upstream/client.ts";
import type { HeadNames } from "../upstream/head-names.ts";
import { HeadMemory } from "./head-memory.ts";

/** With those, what must not cross a shared gateway. */
const DROPPED: ReadonlySet<string> = new Set([
  ...CONNECTION_HEADERS,
  "set-cookie",
  "alt-svc",
  "content-length",
  "date",
  "server-timing",
]);

interface UpstreamHeaderRules {
  /** The body leaves as it came: its type and encoding are the upstream's word. */
  readonly sameBody: boolean;
  /** The upstream's rate-limit headers are true for the caller (exactly one attempt, no limits of ours). */
  readonly rateLimits: boolean;
}

/** Of a head of an upstream's, the headers that pass. */
interface Passing {
  /** What they are called to the caller. */
  readonly names: readonly string[];
  /** Where their values stand in the upstream's list. */
  readonly places: readonly number[];
  /** Those names and the gateway's own after them, which these are, with no values yet: copied, it is as long as it has to be. */
  blank: readonly string[];
  own: readonly string[];
}

/** What was chosen of heads, for one set of rules. */
class Choices {
  readonly #ofNames = new WeakMap<HeadNames, Passing>();
  /** By the names in their order, for heads that nobody else knows: an upstream sends the same ones each time. */
  readonly #memory = new HeadMemory<Passing>(16);

  readonly #rules: UpstreamHeaderRules;

  constructor(rules: UpstreamHeaderRules) {
    this.#rules = rules;
  }

  take({ headers, names }: Pick<ResponseHead, "headers" | "names">): Passing {
    const known = names ? this.#ofNames.get(names) : undefined;
    if (known !== undefined) return known;
    let passing = this.#memory.recall(headers);
    if (passing === null) {
      passing = choose(headers, this.#rules);
      this.#memory.keep(headers, () => false, passing);
    }
    if (names) this.#ofNames.set(names, passing);
    return passing;
  }
}

const choices = [0, 1, 2, 3].map((i) => new Choices({ sameBody: i >= 2, rateLimits: i % 2 === 1 }));

/**
 * The upstream's headers that may pass, then `own` names, whose values are still to be put in. The upstream's request id
 * moves to `x-sluice-upstream-request-id`.
 */
export function upstreamHeaders(
  head: Pick<ResponseHead, "headers" | "names">,
  sameBody: boolean,
  rateLimits: boolean,
  own: readonly string[],
): string[] {
  const { headers } = head;
  const passing = (choices[(sameBody ? 2 : 0) + (rateLimits ? 1 : 0)] as Choices).take(head);
  if (passing.own !== own) {
    passing.own = own;
    passing.blank = [...passing.names, ...own].flatMap((name) => [name, ""]);
  }
  const { places } = passing;
  const list = passing.blank.slice();
  for (let i = 0; i < places.length; i++) list[2 * i + 1] = headers[places[i] as number] ?? "";
  return list;
}

function choose(headers: HeaderList, rules: UpstreamHeaderRules): Passing {
  const names: string[] = [];
  const places: number[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = callersName(headers[i] ?? "", rules);
    if (name === "") continue;
    names.push(name);
    places.push(i + 1);
  }
  return { names, places, blank: [], own: [] };
}

/** "" = it does not pass. */
function callersName(name: string, rules: UpstreamHeaderRules): string {
  if (name === "x-request-id" || name === "request-id") return "x-sluice-upstream-request-id";
  if (DROPPED.has(name) || name.startsWith("x-sluice-") || name.startsWith("access-control-")) return "";
  if (!rules.sameBody && (name === "content-type" || name === "content-encoding" || name === "etag"))
    return "";
  return !rules.rateLimits && isRateLimit(name) ? "" : name;
}

function isRateLimit(name: string): boolean {
  return (
    name.startsWith("x-ratelimit-") ||
    name.startsWith("anthropic-ratelimit-") ||
    name.startsWith("x-trial-endpoint-") ||
    name === "retry-after" ||
    name === "retry-after-ms"
  );
}
