/** Which of a caller's betas the clouds are sent. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cloudBetas } from "../../src/providers/claude-betas.ts";

/** What Claude Code sends. */
const CLAUDE_CODE = [
  "claude-code-20250219",
  "interleaved-thinking-2025-05-14",
  "context-management-2025-06-27",
  "prompt-caching-scope-2026-01-05",
  "effort-2025-11-24",
  "advanced-tool-use-2025-11-20",
].join(",");

test("Vertex refuses Claude Code's own beta and that of effort, which Bedrock takes", () => {
  assert.deepEqual(cloudBetas(CLAUDE_CODE, "vertex_ai"), [
    "interleaved-thinking-2025-05-14",
    "tool-search-tool-2025-10-19",
  ]);
  assert.deepEqual(cloudBetas(CLAUDE_CODE, "bedrock"), [
    "claude-code-20250219",
    "interleaved-thinking-2025-05-14",
    "effort-2025-11-24",
    "tool-search-tool-2025-10-19",
  ]);
});

test("each is sent once, blanks and unknown ones not at all", () => {
  const header = " tool-search-tool-2025-10-19 ,,advanced-tool-use-2025-11-20, made-up-2026-01-01, ";
  for (const cloud of ["bedrock", "vertex_ai"] as const) {
    assert.deepEqual(cloudBetas(header, cloud), ["tool-search-tool-2025-10-19"]);
    assert.deepEqual(cloudBetas("", cloud), []);
  }
});
