/** What a Gemini model takes, as far as its name and what is declared of the target tell. */
import type { ConvertContext } from "../protocol.ts";

/** Major and minor version as one number (2.5 -> 2.5); 0 when the name tells none. */
function version(model: string): number {
  const match = /gemini-(\d+(?:\.\d+)?)/.exec(model);
  return match === null ? 0 : Number(match[1]);
}

/** Models that make pictures or speech, or only listen, take no thinkingConfig. */
const SPECIAL = /-(?:image|tts|live|embedding|native-audio|computer-use)/;

/** True when the model takes a `thinkingConfig` at all: older ones answer it with a 400. */
export function thinks(context: ConvertContext): boolean {
  if (context.capability.thinkingLevel !== undefined) return true;
  const { model } = context;
  if (SPECIAL.test(model)) return false;
  return version(model) >= 2.5 || /gemini-(?:pro|flash|flash-lite)-latest$/.test(model);
}

/** `thinkingLevel` since Gemini 3, `thinkingBudget` before; never both (40-protocols 1.7). */
export function takesLevel(context: ConvertContext): boolean {
  return context.capability.thinkingLevel ?? version(context.model) >= 3;
}

export function isPro(model: string): boolean {
  return /-pro\b/.test(model);
}

/** Output tokens a model gives at most; more is a 400. undefined = not known. */
export function outputCap(context: ConvertContext): number | undefined {
  if (context.capability.maxTokens !== undefined) return context.capability.maxTokens;
  const number = version(context.model);
  if (number === 0 || SPECIAL.test(context.model)) return undefined;
  return number >= 2.5 ? 65536 : 8192;
}

/** A thinking budget within what Gemini 2.5 takes: Pro 128..32768, Flash up to 24576, Flash-Lite from 512. */
export function fitBudget(budget: number, model: string): number {
  if (isPro(model)) return Math.min(32768, Math.max(128, budget));
  if (budget <= 0) return 0;
  return Math.min(24576, Math.max(/-lite\b/.test(model) ? 512 : 1, budget));
}

/** Gemini 3 refuses a step whose first call has no signature. */
export function wantsSignatures(model: string): boolean {
  return version(model) >= 3;
}

/** Media inside `functionResponse.parts`: since Gemini 3. */
export function takesResultMedia(model: string): boolean {
  return version(model) >= 3;
}

/** Public or signed https URLs in `fileUri`: the Gemini API, but not for 2.0 and older, and not Vertex. */
export function takesUrls(context: ConvertContext): boolean {
  if (context.capability.urlImages !== undefined) return context.capability.urlImages;
  const number = version(context.model);
  return context.providerKind !== "vertex" && (number === 0 || number > 2);
}

/** Endpoints that know only the OpenAPI subset: old models on Vertex, and compat endpoints declared so. */
export function wantsLegacySchema(context: ConvertContext): boolean {
  const number = version(context.model);
  return context.dialect === "legacy" || (context.providerKind === "vertex" && number > 0 && number < 2.5);
}

/** Vertex knows no ids on calls and responses. */
export function takesCallIds(context: ConvertContext): boolean {
  return context.providerKind !== "vertex";
}
