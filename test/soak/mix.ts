/** The kinds of requests of the soak: how often each comes, what the upstream does with it, and how it may end. */
import type { GoodPlay, Play } from "./contract.ts";

export interface RequestKind {
  readonly name: string;
  /** In a thousand requests, about. */
  readonly weight: number;
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body: Buffer;
  /** Without the caller's key when false. */
  readonly hasKey: boolean;
  readonly flaky: Play;
  readonly good: GoodPlay;
  /** Words of the answer. */
  readonly words: number;
  /** `<status> whole|error`, or `left`. */
  readonly expected: readonly string[];
  /** When the client goes. */
  readonly leaves: "uploading" | "waiting" | "reading" | null;
  /** Stops reading some times. */
  readonly isSlow: boolean;
  /** Declared in place of the body's true length; 0 = the true one. */
  readonly declared: number;
}

const PROMPT = "Tell me, in a few words and without any ornament, what a gateway is good for. Thanks!";
const CHAT = "/v1/chat/completions";
const CLAUDE = "/v1/messages";
const SHORT = 12;
/** 6 MB: more than the kernel's buffers take off a gateway whose caller does not read. */
const LONG = 5000;
const WHOLE = ["200 whole"];
/** While the flaky provider is left alone the good one answers before anybody goes. */
const LEFT = ["left", "200 whole"];
/** A lone target that is waiting for its next probe, or out of a rate limit, says so. */
const WAITING = ["503 error", "429 error"];

interface Described {
  readonly weight: number;
  readonly path?: string;
  readonly model?: "fast" | "lone" | "nobody";
  readonly flaky?: Play;
  readonly good?: GoodPlay;
  readonly words?: number;
  readonly expected?: readonly string[];
  /** Bytes of the prompt. */
  readonly bytes?: number;
  readonly body?: Buffer;
  readonly method?: "GET";
  readonly hasKey?: boolean;
  readonly leaves?: "uploading" | "waiting" | "reading";
  readonly isSlow?: boolean;
  readonly declared?: number;
}

/** Answered by the flaky provider or, where that fails, by the good one: all of these come to a whole answer. */
const ANSWERED: Readonly<Record<string, Described>> = {
  "chat whole": { weight: 260 },
  "chat streamed": { weight: 150, flaky: "stream" },
  "claude whole, converted": { weight: 90, path: CLAUDE },
  "claude streamed, converted": { weight: 90, path: CLAUDE, flaky: "stream" },
  embeddings: { weight: 60, path: "/v1/embeddings", flaky: "embedding", words: 1 },
  "chat of 119 KB": { weight: 60, bytes: 119_000 },
  "chat of 119 KB, streamed": { weight: 20, bytes: 119_000, flaky: "stream" },
  "claude of 119 KB, converted": { weight: 20, bytes: 119_000, path: CLAUDE },
  "chat of 2 MB": { weight: 4, bytes: 2_000_000 },
  "claude of 2 MB, converted": { weight: 1, bytes: 2_000_000, path: CLAUDE },
  "slow reader of 6 MB": { weight: 3, flaky: "long", words: LONG, isSlow: true },
  "first 500": { weight: 15, flaky: "500" },
  "first 500, streamed": { weight: 10, flaky: "500", good: "stream" },
  "first 429": { weight: 8, flaky: "429" },
  "first reset": { weight: 15, flaky: "reset" },
  "first garbage": { weight: 8, flaky: "garbage" },
  "first cut": { weight: 10, flaky: "cut-whole" },
  "stream cut and continued": { weight: 15, flaky: "cut-stream", good: "stream" },
  "claude stream cut and continued": { weight: 8, path: CLAUDE, flaky: "cut-stream", good: "stream" },
};

/** Fails at the only provider there is: a clear error. */
const FAILED: Readonly<Record<string, Described>> = {
  "lone 500": { weight: 8, flaky: "500", expected: ["500 error", ...WAITING] },
  "lone 429": { weight: 8, flaky: "429", expected: WAITING },
  "lone reset": { weight: 8, flaky: "reset", expected: ["502 error", ...WAITING] },
  "lone stream cut": { weight: 10, flaky: "cut-stream", expected: ["200 error", ...WAITING] },
  "lone claude stream cut": {
    weight: 8,
    path: CLAUDE,
    flaky: "cut-stream",
    expected: ["200 error", ...WAITING],
  },
};

/** The client goes, or the request is its own mistake. */
const OTHERS: Readonly<Record<string, Described>> = {
  "leaves while it uploads": { weight: 12, leaves: "uploading", bytes: 60_000, expected: LEFT },
  "leaves while it waits": { weight: 15, leaves: "waiting", flaky: "stall", expected: LEFT },
  "leaves in a silent stream": { weight: 15, leaves: "reading", flaky: "stall-stream", expected: LEFT },
  "claude leaves in a silent stream": {
    weight: 8,
    path: CLAUDE,
    leaves: "reading",
    flaky: "stall-stream",
    expected: LEFT,
  },
  "leaves in 6 MB": { weight: 3, leaves: "reading", flaky: "long", words: LONG, expected: LEFT },
  "unknown path": { weight: 10, path: "/v1/nothing", expected: ["404 error"] },
  "unknown model": { weight: 10, model: "nobody", expected: ["404 error"] },
  "wrong key": { weight: 8, hasKey: false, expected: ["401 error"] },
  "half a body": { weight: 10, body: Buffer.from('{"model":"fast","messages":['), expected: ["400 error"] },
  "bytes for a body": { weight: 10, body: noise(3000), expected: ["400 error"] },
  "too large a body": { weight: 3, declared: 64 * 1024 * 1024, expected: ["413 error"] },
  "list of models": { weight: 10, method: "GET", path: "/v1/models", words: 0 },
};

export const MIX: readonly RequestKind[] = [
  ...Object.entries(ANSWERED).map(([name, described]) => kindOf(name, described, "fast")),
  ...Object.entries(FAILED).map(([name, described]) => kindOf(name, described, "lone")),
  ...Object.entries(OTHERS).map(([name, described]) => kindOf(name, described, "fast")),
];

const TOTAL = MIX.reduce((sum, kind) => sum + kind.weight, 0);

/** The kind that a number in [0, 1) stands for. */
export function kindAt(chance: number): RequestKind {
  let left = chance * TOTAL;
  const found = MIX.find((kind) => {
    left -= kind.weight;
    return left < 0;
  });
  return found ?? (MIX[0] as RequestKind);
}

function kindOf(name: string, described: Described, alias: "fast" | "lone"): RequestKind {
  const flaky = described.flaky ?? "whole";
  const path = described.path ?? CHAT;
  const isStream = /stream|long/.test(`${flaky} ${described.good ?? ""}`);
  return {
    name,
    weight: described.weight,
    method: described.method ?? "POST",
    path,
    body: described.body ?? bodyOf(path, described.model ?? alias, isStream, described.bytes ?? 0),
    hasKey: described.hasKey ?? true,
    flaky,
    good: described.good ?? (isGood(flaky) ? flaky : isStream ? "stream" : "whole"),
    words: described.words ?? SHORT,
    expected: described.expected ?? WHOLE,
    leaves: described.leaves ?? null,
    isSlow: described.isSlow ?? false,
    declared: described.declared ?? 0,
  };
}

function isGood(play: Play): play is GoodPlay {
  return play === "whole" || play === "stream" || play === "long" || play === "embedding";
}

function bodyOf(path: string, model: string, stream: boolean, bytes: number): Buffer {
  if (path === "/v1/embeddings") return Buffer.from(JSON.stringify({ model, input: PROMPT }));
  const messages = [{ role: "user", content: PROMPT }];
  for (let size = PROMPT.length; size < bytes; size += 1200) {
    const content = `He said "no".\n${PROMPT.repeat(14)}`.slice(0, 1150);
    messages.push({ role: "assistant", content }, { role: "user", content: "Go on." });
  }
  return Buffer.from(JSON.stringify({ model, max_tokens: 500, stream, messages }));
}

/** Bytes that are no text in any encoding, the same ones each time. */
function noise(size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, i) => (i * 151 + (i >> 3) * 89) & 0xff));
}
