/**
 * Shapes a conversation for a vendor that is strict about its order (40-protocols 1.1, 1.4). Every step is a pure
 * function of the history's prefix, since prompt caches hang on it; the order of the steps is given at `shapeTurns`.
 */
import { badRequest } from "../base/failure.ts";
import type { ChatRequest, Part, Turn } from "./neutral.ts";
import type { Capability } from "./protocol.ts";

type Warn = (code: string, field: string) => void;
type ResultPart = Extract<Part, { type: "result" }>;

/** Never a fake success: musistudio/llms invents one. */
const NO_RESULT = "[no result was recorded for this call]";
const EMPTY_TURN = "(empty)";
const CONTINUE = "(continue)";
const GO_ON = "Continue exactly where you stopped.";

export interface ShapeOptions {
  /** Consecutive turns of one role become one (Anthropic, Gemini). */
  readonly merge: boolean;
  /** The first turn must be the user's (Anthropic, Gemini). */
  readonly userFirst: boolean;
  /** System turns in mid-conversation stay; else they become wrapped user text. */
  readonly systemMidway: boolean;
  readonly capability: Capability;
  readonly warn: Warn;
}

/** The turns as the vendor takes them. Throws Failure (400) when there is none. */
export function shapeTurns(request: ChatRequest, options: ShapeOptions): readonly Turn[] {
  if (request.turns.length === 0)
    throw badRequest("the conversation holds no message", "invalid_request", "messages");
  let turns: readonly Turn[] = prefixNames(request.turns);
  // Before the merge: what is left of a wrapped instruction belongs to the user turn beside it.
  if (!options.systemMidway) turns = wrapSystemTurns(turns, options.warn);
  turns = dropEmptyTexts(turns);
  // Before the pairing: parallel calls may come as several assistant turns, their results as several user turns.
  turns = options.merge ? mergeTurns(turns) : turns;
  turns = pairResults(turns, options.warn);
  if (options.merge) turns = mergeTurns(turns);
  if (options.userFirst && turns[0]?.role !== "user") {
    options.warn("first_turn", "messages[0]");
    turns = [{ role: "user", parts: [{ type: "text", text: CONTINUE }] }, ...turns];
  }
  return settlePrefill(turns, options);
}

/** System texts without Claude Code's billing header, which varies and would kill a foreign prefix cache. */
export function systemBlocks(request: ChatRequest): ChatRequest["system"] {
  return request.system.filter(
    (block) => block.text.trim() !== "" && !block.text.startsWith("x-anthropic-billing-header:"),
  );
}

/** Names mean something only where several users speak. */
function prefixNames(turns: readonly Turn[]): readonly Turn[] {
  let first: string | undefined;
  const several = turns.some((turn) => {
    if (turn.role !== "user" || turn.name === undefined) return false;
    first ??= turn.name;
    return turn.name !== first;
  });
  if (!several) return turns;
  return turns.map((turn) => {
    if (turn.role !== "user" || turn.name === undefined) return turn;
    const at = turn.parts.findIndex((part) => part.type === "text");
    const label = `[${turn.name}]: `;
    const parts = [...turn.parts];
    const first = parts[at];
    if (first?.type === "text") parts[at] = { ...first, text: label + first.text };
    else parts.unshift({ type: "text", text: label });
    return { ...turn, parts };
  });
}

function wrapSystemTurns(turns: readonly Turn[], warn: Warn): Turn[] {
  return turns.map((turn, index) => {
    if (turn.role !== "system") return turn;
    warn("system_midway", `messages[${index}]`);
    const parts = turn.parts.map(
      (part): Part =>
        part.type === "text"
          ? { ...part, text: `<system-reminder>\n${part.text}\n</system-reminder>` }
          : part,
    );
    return { role: "user", parts };
  });
}

function isEmptyText(part: Part): boolean {
  return part.type === "text" && part.signature === undefined && part.text.trim() === "";
}

/** "text content blocks must be non-empty" (LiteLLM #22930); never a part that carries a signature. */
function dropEmptyTexts(turns: readonly Turn[]): readonly Turn[] {
  if (!turns.some((turn) => turn.parts.length === 0 || turn.parts.some(isEmptyText))) return turns;
  const kept: Turn[] = [];
  for (const turn of turns) {
    const parts = turn.parts.some(isEmptyText) ? turn.parts.filter((part) => !isEmptyText(part)) : turn.parts;
    if (parts.length > 0) kept.push(parts === turn.parts ? turn : { ...turn, parts });
    else if (turn.role === "user") kept.push({ ...turn, parts: [{ type: "text", text: EMPTY_TURN }] });
  }
  return kept;
}

/** Consecutive turns of one role as one. */
function mergeTurns(turns: readonly Turn[]): readonly Turn[] {
  if (!turns.some((turn, i) => turn.role === turns[i - 1]?.role)) return turns;
  const merged: Turn[] = [];
  /** Of the last turn, once it is made of several: copied at each of them they would cost the square of their number. */
  let joined: Part[] | null = null;
  for (const turn of turns) {
    const last = merged[merged.length - 1];
    if (last === undefined || last.role !== turn.role) {
      merged.push(turn);
      joined = null;
      continue;
    }
    joined ??= [...last.parts];
    for (const part of turn.parts) joined.push(part);
    merged[merged.length - 1] = { ...last, ...turn, parts: joined };
  }
  return merged;
}

/**
 * Results stand right behind the calls they answer, first in their turn, in the order of the calls. A call without a
 * result (the user interrupted) gets an error result; a result without a call becomes the user's text.
 */
function pairResults(turns: readonly Turn[], warn: Warn): readonly Turn[] {
  if (!turns.some((turn) => turn.parts.some(isOfCall))) return turns;
  const out: Turn[] = [];
  let pending: Extract<Part, { type: "call" }>[] = [];
  const settle = (results: readonly ResultPart[]): ResultPart[] => {
    const first = new Map<string, ResultPart>();
    for (const part of results) if (!first.has(part.callId)) first.set(part.callId, part);
    return pending.map((call) => {
      const result = first.get(call.id);
      if (result !== undefined) return result.name === undefined ? { ...result, name: call.name } : result;
      warn("missing_tool_result", call.name);
      return {
        type: "result",
        callId: call.id,
        name: call.name,
        isError: true,
        parts: [{ type: "text", text: NO_RESULT }],
      };
    });
  };
  for (let at = 0; at < turns.length; at++) {
    const turn = turns[at];
    if (turn === undefined) continue;
    if (turn.role === "system") {
      out.push(turn);
      continue;
    }
    if (turn.role === "assistant") {
      if (pending.length > 0) out.push({ role: "user", parts: settle([]) });
      out.push(turn);
      pending = turn.parts.filter((part) => part.type === "call");
      continue;
    }
    // Without merging, the results of one step may come as several user turns (Chat's tool messages).
    const parts = [...turn.parts];
    if (pending.length > 0 && onlyResults(turn)) {
      for (let next = turns[at + 1]; next?.role === "user"; next = turns[at + 1]) {
        if (!next.parts.some((part) => part.type === "result")) break;
        for (const part of next.parts) parts.push(part);
        at++;
      }
    }
    out.push({ ...turn, parts: pairTurn(parts, pending, settle, warn) });
    pending = [];
  }
  if (pending.length > 0) out.push({ role: "user", parts: settle([]) });
  return out;
}

function isOfCall(part: Part): boolean {
  return part.type === "call" || part.type === "result";
}

function onlyResults(turn: Turn): boolean {
  return turn.parts.every((part) => part.type === "result");
}

function pairTurn(
  parts: readonly Part[],
  pending: readonly { readonly id: string }[],
  settle: (results: readonly ResultPart[]) => ResultPart[],
  warn: Warn,
): Part[] {
  const wanted = new Set(pending.map((call) => call.id));
  const matched: ResultPart[] = [];
  const others: Part[] = [];
  for (const part of parts) {
    if (part.type !== "result") others.push(part);
    else if (wanted.has(part.callId)) matched.push(part);
    else {
      warn("orphan_tool_result", part.callId);
      for (const inner of part.parts) others.push(inner);
    }
  }
  return [...settle(matched), ...others];
}

/** A last assistant turn asks the model to go on in it; where that is refused the user asks for it in words. */
function settlePrefill(turns: readonly Turn[], options: ShapeOptions): readonly Turn[] {
  const last = turns[turns.length - 1];
  if (last?.role !== "assistant") return turns;
  options.warn("prefill", `messages[${turns.length - 1}]`);
  if (options.capability.prefill !== false) return turns;
  return [...turns, { role: "user", parts: [{ type: "text", text: GO_ON }] }];
}

/**
 * What hangs on the present request alone (a JSON hint, a forced choice in words) goes to the end of the newest user
 * turn, where it spoils no prefix.
 */
export function appendToNewestUserTurn(turns: readonly Turn[], text: string): Turn[] {
  const copy = [...turns];
  for (let i = copy.length - 1; i >= 0; i--) {
    const turn = copy[i];
    if (turn?.role !== "user") continue;
    copy[i] = { ...turn, parts: [...turn.parts, { type: "text", text }] };
    return copy;
  }
  copy.push({ role: "user", parts: [{ type: "text", text }] });
  return copy;
}
