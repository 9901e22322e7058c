/** Messages of `/api/chat` as turns. Calls have no ids here: they are numbered, and results find them by order. */
import { badRequest } from "../../base/failure.ts";
import {
  type JsonObject,
  listOf,
  objectOf,
  readString,
  requireObject,
  requireString,
  stringOf,
} from "../json-value.ts";
import type { ChatRequest, Part, Turn } from "../neutral.ts";
import { OpenCalls } from "../open-calls.ts";
import type { DecodeContext } from "../protocol.ts";
import { decodeImages } from "./images.ts";

/** Throws Failure (400, param). */
export function decodeMessages(
  messages: readonly unknown[],
  context: DecodeContext,
): { system: ChatRequest["system"]; turns: Turn[] } {
  const system: ChatRequest["system"] = [];
  const turns: Turn[] = [];
  let open = new OpenCalls();
  let calls = 0;
  /** The turn that gathers the results of one step. */
  let gathering: Turn | null = null;
  messages.forEach((value, index) => {
    const path = `messages[${index}]`;
    const message = requireObject(value, path);
    const role = requireString(message, "role", path);
    const text = readString(message, "content", path) ?? "";
    switch (role) {
      case "system":
        if (turns.length === 0) system.push({ text, role: "system" });
        else turns.push({ role: "system", parts: [{ type: "text", text }] });
        return;
      case "user":
        turns.push({ role: "user", parts: [...textPart(text), ...decodeImages(message, path, context)] });
        return;
      case "assistant": {
        const made = decodeCalls(message, path, calls, context);
        calls += made.length;
        open = new OpenCalls();
        for (const call of made) open.add(call);
        turns.push({
          role: "assistant",
          parts: [...thinkingPart(message, path), ...textPart(text), ...made],
        });
        return;
      }
      case "tool":
        gathering = addResult(turns, gathering, decodeResult(open, text, message, path, context));
        return;
      default:
        throw badRequest(`${path}.role is unknown`, "invalid_value", `${path}.role`);
    }
  });
  return { system, turns };
}

function textPart(text: string): Part[] {
  return text === "" ? [] : [{ type: "text", text }];
}

function thinkingPart(message: JsonObject, path: string): Part[] {
  const text = readString(message, "thinking", path) ?? "";
  return text === "" ? [] : [{ type: "thinking", text }];
}

function decodeCalls(
  message: JsonObject,
  path: string,
  before: number,
  context: DecodeContext,
): Extract<Part, { type: "call" }>[] {
  return listOf(message["tool_calls"]).map((value, index) => {
    const where = `${path}.tool_calls[${index}].function`;
    const call = requireObject(value, `${path}.tool_calls[${index}]`);
    const made = requireObject(call["function"], where);
    return {
      type: "call",
      // The same on every request, so that prompt caches hold.
      id: stringOf(call["id"]) ?? `call_${String(before + index + 1).padStart(8, "0")}`,
      name: requireString(made, "name", where),
      arguments: context.large.jsonText(made["arguments"]),
      kind: "function",
    };
  });
}

/** By id where the client kept one, else the next call of that name, else the next one. */
function takeCall(open: OpenCalls, message: JsonObject, path: string): { id: string; name: string } {
  const id = readString(message, "tool_call_id", path);
  const name = readString(message, "tool_name", path) ?? readString(message, "name", path);
  const known = id === undefined ? undefined : open.answer(id);
  if (known !== undefined) return known;
  const next = name === undefined ? open.oldest() : open.named(name);
  if (next !== undefined) open.answer(next.id);
  return next ?? { id: id ?? `call_unknown_${path.replace(/\D/g, "")}`, name: name ?? "" };
}

function decodeResult(
  open: OpenCalls,
  text: string,
  message: JsonObject,
  path: string,
  context: DecodeContext,
): Part {
  const call = takeCall(open, message, path);
  return {
    type: "result",
    callId: call.id,
    isError: false,
    parts: [...textPart(text), ...decodeImages(message, path, context)],
    ...(call.name === "" ? {} : { name: call.name }),
  };
}

/** Results that follow each other are one turn of the user's, which is returned. */
function addResult(turns: Turn[], gathering: Turn | null, result: Part): Turn {
  const last = turns[turns.length - 1];
  if (last !== undefined && last.role === "user") {
    if (last === gathering || last.parts.every((part) => part.type === "result")) {
      last.parts.push(result);
      return last;
    }
  }
  const turn: Turn = { role: "user", parts: [result] };
  turns.push(turn);
  return turn;
}

/** Tool calls of an upstream's message; ids are minted later, where the caller's protocol wants them. */
export function readCalls(
  message: JsonObject,
  jsonText: (value: unknown) => string,
): { name: string; arguments: string; id: string }[] {
  const calls = [];
  for (const value of listOf(message["tool_calls"])) {
    const call = objectOf(value);
    const made = objectOf(call?.["function"]);
    const name = stringOf(made?.["name"]);
    if (name === undefined) continue;
    calls.push({ name, arguments: jsonText(made?.["arguments"]) || "{}", id: stringOf(call?.["id"]) ?? "" });
  }
  return calls;
}
