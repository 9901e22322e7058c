/** Heads of answers made up at random: an origin sends the same lines each time, some of them with another value. */
import type { Chance } from "./fuzz.ts";

const NAMES = [
  "content-type",
  "Content-Length",
  "Transfer-Encoding",
  "content-encoding",
  "connection",
  "keep-alive",
  "Date",
  "etag",
  "set-cookie",
  "server-timing",
  "x-request-id",
  "request-id",
  "a",
  "x-sluice-x",
  "access-control-allow-origin",
  "retry-after",
];
/** The lines that tell of one quota. */
const QUOTAS = [
  ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"],
  ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"],
  ["x-ratelimit-limit-tokens-day", "x-ratelimit-remaining-tokens-day", "x-ratelimit-reset-tokens-day"],
  [
    "anthropic-ratelimit-tokens-limit",
    "anthropic-ratelimit-tokens-remaining",
    "anthropic-ratelimit-tokens-reset",
  ],
];
const COUNTS = ["0", "1", "2", "12", "100", "1999000"];
const RESETS = [
  "6m0s",
  "20ms",
  "1s",
  "1795687209",
  "Thu, 26 Nov 2026 10:00:00 GMT",
  "2026-11-26T10:00:00Z",
  "2026-11-26T10:00:09Z",
];
const VALUES = [
  ...COUNTS,
  ...RESETS,
  "",
  "1.5",
  "-1",
  "1e5",
  "12345678901234567890",
  "application/json",
  "text/event-stream",
  "chunked",
  "close",
  "keep-alive",
  "timeout=5",
  "req_0123456789",
  "\xff\xfe",
  "a\tb",
  "v".repeat(50),
  "v".repeat(600),
];
const STATUS_LINES = [
  "HTTP/1.1 200 OK",
  "HTTP/1.1 200 OK",
  "HTTP/1.1 200",
  "HTTP/1.1 429 Too Many Requests",
  "HTTP/1.1 204 ",
  "HTTP/1.1 304 Not Modified",
  "HTTP/1.1 100 Continue",
  "HTTP/1.0 200 OK",
];

interface Line {
  readonly name: string;
  readonly spelled: string;
  /** White space around the value. */
  readonly before: string;
  readonly behind: string;
  /** null = another one each time. */
  readonly value: string | null;
}

/** Most lines about quotas are such that they can be read. */
function value(name: string, chance: Chance): string {
  if (!name.includes("ratelimit") || chance.happens(0.2)) return chance.pick(VALUES);
  return chance.pick(name.includes("reset") ? RESETS : COUNTS);
}

/** One kind of head: each call writes another of it, with the blank line at its end. */
export function headKind(chance: Chance): () => string {
  const statusLine = chance.pick(STATUS_LINES);
  const quotas = chance.picks(QUOTAS, chance.below(3)).flat();
  // Now and then one of the lines is missing.
  if (chance.happens(0.1)) quotas.pop();
  const lines = chance.shuffled([...chance.picks(NAMES, chance.below(9)), ...quotas]).map(
    (name): Line => ({
      name,
      spelled: chance.happens(0.9) ? name : name.toUpperCase(),
      before: chance.pick([" ", " ", "", "  ", "\t"]),
      behind: chance.pick(["", "", "", " ", "\t"]),
      value: chance.happens(0.6) ? value(name, chance) : null,
    }),
  );
  return () => {
    const first = chance.happens(0.05) ? chance.pick(STATUS_LINES) : statusLine;
    const blank = (usual: string) => (chance.happens(0.02) ? chance.pick(["", " "]) : usual);
    const rest = lines.map(
      ({ name, spelled, before, behind, value: fixed }) =>
        `${spelled}:${blank(before)}${fixed ?? value(name, chance)}${blank(behind)}\r\n`,
    );
    return `${first}\r\n${rest.join("")}\r\n`;
  };
}
