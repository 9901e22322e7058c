/** Converts Cohere's log probabilities to Chat's `logprobs` object, which is what the neutral form holds, and back. */
import { isObject, listOf, numberOf, stringOf } from "../json-value.ts";

/** JSON text of Chat's object from one item or a list of them; null when there is none. */
export function decodeLogprobs(value: unknown): string | null {
  const items = Array.isArray(value) ? listOf(value) : [value];
  const content: object[] = [];
  for (const item of items) {
    if (!isObject(item)) continue;
    const numbers = listOf(item.logprobs);
    const text = stringOf(item.text) ?? "";
    for (const [i, number] of numbers.entries()) {
      // The text is that of all tokens of the item; it is shown with the first.
      const token = i === 0 ? text : "";
      content.push({
        token,
        logprob: numberOf(number) ?? 0,
        bytes: [...Buffer.from(token)],
        top_logprobs: [],
      });
    }
  }
  return content.length === 0 ? null : JSON.stringify({ content, refusal: null });
}

/** Cohere's items of Chat's object (JSON text); undefined when it holds none. Token ids are not known. */
export function encodeLogprobs(raw: string): object[] | undefined {
  let doc: unknown;
  try {
    doc = JSON.parse(raw);
  } catch {
    // Log probabilities of another shape are left out rather than an answer refused.
    return undefined;
  }
  const content = listOf(isObject(doc) ? doc.content : undefined).filter(isObject);
  if (content.length === 0) return undefined;
  return content.map((token) => ({
    text: stringOf(token.token) ?? "",
    token_ids: [],
    logprobs: [numberOf(token.logprob) ?? 0],
  }));
}
