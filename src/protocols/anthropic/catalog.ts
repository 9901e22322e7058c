/** What Claude models take, as data: for what `GET /v1/models` does not say, and for Vertex and Bedrock (40-protocols 0, 1.7). */
import type { Capability } from "../protocol.ts";

type Line = "opus" | "sonnet" | "haiku" | "fable" | "mythos";

interface Row {
  /** Lines it is about; null = all. */
  readonly lines: readonly Line[] | null;
  /** Versions, both ends included: 4.5 -> 405. */
  readonly from: number;
  readonly to: number;
  readonly takes: Capability;
}

const EVER = 9999;
const ALL_EFFORTS = ["low", "medium", "high", "xhigh", "max"];

/** Read from top to bottom; later rows win member by member. */
const ROWS: readonly Row[] = [
  {
    lines: null,
    from: 0,
    to: EVER,
    takes: { images: true, temperatureMax: 1, urlImages: true, jsonSchema: true, forcedToolChoice: true },
  },
  // Manual thinking, prefill and sampling up to 4.5; structured outputs began with 4.5 and Opus 4.1.
  {
    lines: null,
    from: 0,
    to: 405,
    takes: {
      thinkingTypes: ["enabled", "disabled"],
      thinkingDefault: "off",
      effortLevels: [],
      sampling: true,
      prefill: true,
      systemMidway: false,
      maxInputTokens: 200_000,
      maxTokens: 64_000,
    },
  },
  { lines: null, from: 0, to: 300, takes: { maxTokens: 4096, thinkingTypes: ["disabled"] } },
  { lines: null, from: 301, to: 306, takes: { maxTokens: 8192, thinkingTypes: ["disabled"] } },
  { lines: null, from: 0, to: 404, takes: { jsonSchema: false } },
  { lines: ["opus"], from: 400, to: 404, takes: { maxTokens: 32_000 } },
  { lines: ["opus"], from: 401, to: 404, takes: { jsonSchema: true } },
  { lines: ["opus"], from: 405, to: 405, takes: { effortLevels: ["low", "medium", "high"] } },
  // 4.6 takes both ways of thinking; prefill ends here.
  {
    lines: null,
    from: 406,
    to: 406,
    takes: {
      thinkingTypes: ["enabled", "adaptive", "disabled"],
      thinkingDefault: "off",
      effortLevels: ["low", "medium", "high", "max"],
      sampling: true,
      prefill: false,
      systemMidway: false,
      maxTokens: 64_000,
    },
  },
  { lines: ["opus"], from: 406, to: 406, takes: { maxTokens: 128_000 } },
  // From 4.7 on adaptive only, no sampling; a missing `thinking` still means off up to 4.8.
  {
    lines: null,
    from: 407,
    to: EVER,
    takes: {
      thinkingTypes: ["adaptive", "disabled"],
      thinkingDefault: "off",
      effortLevels: ALL_EFFORTS,
      sampling: false,
      prefill: false,
      systemMidway: false,
      maxTokens: 128_000,
    },
  },
  { lines: null, from: 500, to: EVER, takes: { thinkingDefault: "on", systemMidway: true } },
  // How thinking is switched off differs from model to model (1.7).
  { lines: ["sonnet"], from: 505, to: EVER, takes: { thinkingTypes: ["adaptive", "between_tools"] } },
  { lines: ["opus"], from: 505, to: EVER, takes: { thinkingTypes: ["adaptive"] } },
  { lines: ["haiku"], from: 500, to: EVER, takes: { thinkingTypes: ["adaptive"] } },
  {
    lines: ["fable", "mythos"],
    from: 0,
    to: EVER,
    takes: {
      thinkingTypes: ["adaptive"],
      thinkingDefault: "on",
      effortLevels: ALL_EFFORTS,
      sampling: false,
      prefill: false,
      systemMidway: true,
      maxTokens: 128_000,
    },
  },
  { lines: ["opus", "sonnet"], from: 505, to: EVER, takes: { forcedToolChoice: false } },
  { lines: ["fable"], from: 501, to: EVER, takes: { forcedToolChoice: false } },
];

interface ClaudeModel {
  readonly line: Line;
  /** 4.5 -> 405, 3 -> 300. */
  readonly version: number;
}

/** Reads ids of the API, Vertex (`claude-sonnet-4-5@20250929`) and Bedrock (`us.anthropic.claude-…-v1:0`). */
function parseClaude(model: string): ClaudeModel | null {
  const old = /claude-(\d)(?:[-.](\d))?-(opus|sonnet|haiku)/.exec(model);
  if (old !== null) return { line: old[3] as Line, version: Number(old[1]) * 100 + Number(old[2] ?? 0) };
  const found = /claude-(opus|sonnet|haiku|fable|mythos)(?:-(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?)?/.exec(
    model,
  );
  if (found === null) return /claude-(?:2|instant)/.test(model) ? { line: "opus", version: 200 } : null;
  const line = found[1] as Line;
  // A name without a number is a preview of what is newest.
  if (found[2] === undefined) return { line, version: EVER };
  return { line, version: Number(found[2]) * 100 + Number(found[3] ?? 0) };
}

/** The catalog's word on a model; {} for names that are no Claude. */
export function claudeCapability(model: string): Capability {
  const claude = parseClaude(model);
  if (claude === null) return {};
  let takes: Capability = {};
  for (const row of ROWS) {
    if (claude.version < row.from || claude.version > row.to) continue;
    if (row.lines === null || row.lines.includes(claude.line)) takes = { ...takes, ...row.takes };
  }
  return takes;
}

/** What is declared or was asked of the vendor wins over the catalog, member by member. */
export function effectiveCapability(model: string, known: Capability): Capability {
  const declared = Object.entries(known).filter(([, value]) => value !== undefined);
  return { ...claudeCapability(model), ...Object.fromEntries(declared) };
}
