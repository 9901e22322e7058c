/** Carries one vendor's signatures through another vendor's clients, marked `slc1.` (40-protocols 1.7). */
import { holdsWord, makeWord } from "../base/word-search.ts";
import type { Signature, Vendor } from "./neutral.ts";

export const CARRIER_MARK = "slc1.";
/** The same mark inside base64 (Gemini's `thoughtSignature`). */
export const CARRIER_MARK_BASE64 = "c2xjMS5l";

const QUOTED_MARK = makeWord(`"${CARRIER_MARK}`);
const QUOTED_BASE64_MARK = makeWord(`"${CARRIER_MARK_BASE64}`);

/** True when a string in [from, end) of these JSON bytes is a carrier; cheap, so that bodies without one are not walked. */
export function holdsCarrier(bytes: Buffer, from = 0, end: number = bytes.length): boolean {
  return holdsWord(bytes, QUOTED_MARK, from, end);
}

/** The same for bodies where it may stand in base64. */
export function holdsAnyCarrier(bytes: Buffer): boolean {
  return holdsWord(bytes, QUOTED_BASE64_MARK) || holdsCarrier(bytes);
}

/** Where a signature was made: it returns only to the same vendor, for Claude only to the same model and prefix. */
export interface Origin {
  readonly vendor: Vendor;
  readonly model: string;
  readonly prefix: string;
}

export interface Carrier extends Origin {
  readonly items: readonly Signature[];
}

const MAX_CARRIER = 1024 * 1024;

/** Signatures one carrier may have, and their characters; a longer one would not be read. */
const MAX_ITEMS = 64;
const MAX_ITEM_CHARS = MAX_CARRIER / 2;

/** Adds to what a carrier will hold. What is too much is left out: each carrier repeats all of them. */
export function addSignature(items: Signature[], signature: Signature): boolean {
  const characters = items.reduce((sum, { value }) => sum + value.length, signature.value.length);
  if (items.length >= MAX_ITEMS || characters > MAX_ITEM_CHARS) return false;
  items.push(signature);
  return true;
}

export function encodeCarrier(origin: Origin, items: readonly Signature[]): string {
  const { vendor, model, prefix } = origin;
  const json = JSON.stringify({ v: 1, vendor, model, prefix, items });
  return CARRIER_MARK + Buffer.from(json).toString("base64url");
}

export function isCarrier(text: string): boolean {
  return text.startsWith(CARRIER_MARK);
}

const VENDORS: readonly string[] = ["openai", "anthropic", "google", "cohere", "ollama"];

function readSignature(value: unknown): Signature | null {
  if (typeof value !== "object" || value === null) return null;
  const { vendor, value: text, id, redacted } = value as Record<string, unknown>;
  if (typeof text !== "string" || typeof vendor !== "string" || !VENDORS.includes(vendor)) return null;
  return {
    vendor: vendor as Vendor,
    value: text,
    ...(typeof id === "string" ? { id } : {}),
    ...(redacted === true ? { redacted: true } : {}),
  };
}

/** Reads a carrier; null when the text is none or was tampered with beyond reading. Never throws. */
export function decodeCarrier(text: string): Carrier | null {
  if (!isCarrier(text) || text.length > MAX_CARRIER) return null;
  try {
    const json: unknown = JSON.parse(Buffer.from(text.slice(CARRIER_MARK.length), "base64url").toString());
    if (typeof json !== "object" || json === null) return null;
    const { vendor, model, prefix, items } = json as Record<string, unknown>;
    if (typeof vendor !== "string" || !VENDORS.includes(vendor) || !Array.isArray(items)) return null;
    if (typeof model !== "string" || typeof prefix !== "string") return null;
    const signatures = items.map(readSignature);
    if (signatures.some((signature) => signature === null)) return null;
    return {
      vendor: vendor as Vendor,
      model,
      prefix,
      items: signatures.filter((signature) => signature !== null),
    };
  } catch {
    return null; // Written by nobody we know: treated as no signature.
  }
}

/** Models of one family take each other's signatures: the same up to the version's date or revision suffix. */
function family(model: string): string {
  return model.replace(/[-@:](?:\d{8}|\d{3}|latest|preview.*|exp.*)$/, "");
}

/** The signatures that may go back to `target`: same vendor and family; for Claude the same model and the same prefix. */
export function restoreSignatures(carrier: Carrier | null, target: Origin): readonly Signature[] {
  if (carrier === null || carrier.vendor !== target.vendor) return [];
  if (carrier.vendor === "anthropic") {
    return carrier.model === target.model && carrier.prefix === target.prefix ? carrier.items : [];
  }
  return family(carrier.model) === family(target.model) ? carrier.items : [];
}
