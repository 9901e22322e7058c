/** Call arguments as the object that Ollama's clients expect. */
import { isObject } from "../json-value.ts";

/** null for text that is no JSON object: the token limit cut it short (40-protocols 2.1) and the call is left out. */
export function parseArguments(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text.trim() === "" ? "{}" : text);
    return isObject(value) ? value : null;
  } catch {
    return null; // Cut short, as said above.
  }
}
