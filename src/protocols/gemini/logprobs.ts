/** Converts Gemini's `logprobsResult` to Chat's `logprobs` object, which is what the neutral form holds, and back. */
import { isObject, type JsonObject, listOf, numberOf, stringOf } from "../json-value.ts";

interface TokenLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly bytes: readonly number[];
}

function readToken(value: unknown): TokenLogprob | null {
  if (!isObject(value)) return null;
  const token = stringOf(value.token) ?? "";
  return { token, logprob: numberOf(value.logProbability) ?? 0, bytes: [...Buffer.from(token)] };
}

/** JSON text of Chat's `{content:[…],refusal:null}`; null when there are no log probabilities. */
export function decodeLogprobs(value: unknown): string | null {
  if (!isObject(value)) return null;
  const chosen = listOf(value.chosenCandidates);
  if (chosen.length === 0) return null;
  const top = listOf(value.topCandidates);
  const content: object[] = [];
  for (let i = 0; i < chosen.length; i++) {
    const token = readToken(chosen[i]);
    if (token === null) continue;
    const alternatives = isObject(top[i]) ? listOf((top[i] as JsonObject).candidates) : [];
    content.push({
      ...token,
      top_logprobs: alternatives.map(readToken).filter((entry) => entry !== null),
    });
  }
  return JSON.stringify({ content, refusal: null });
}

function writeToken(value: unknown): object | null {
  if (!isObject(value)) return null;
  return { token: stringOf(value.token) ?? "", logProbability: numberOf(value.logprob) ?? 0 };
}

/** Gemini's `logprobsResult` of Chat's object (JSON text); undefined when it holds none. */
export function encodeLogprobs(raw: string): object | undefined {
  let doc: unknown;
  try {
    doc = JSON.parse(raw);
  } catch {
    // Log probabilities of another shape are left out rather than an answer refused.
    return undefined;
  }
  const content = listOf(isObject(doc) ? doc.content : undefined);
  if (content.length === 0) return undefined;
  return {
    chosenCandidates: content.map(writeToken).filter((entry) => entry !== null),
    topCandidates: content.map((entry) => ({
      candidates: (isObject(entry) ? listOf(entry.top_logprobs) : [])
        .map(writeToken)
        .filter((token) => token !== null),
    })),
  };
}
