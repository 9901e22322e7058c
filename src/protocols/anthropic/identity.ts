/** Id and model name of an answer in Anthropic's form (40-protocols 2.3). */
import { mintHex } from "../call-ids.ts";
import type { AnswerContext } from "../protocol.ts";

/** The upstream's id when it looks like Anthropic's, else a minted one. */
export function answerId(id: string, context: AnswerContext): string {
  return id.startsWith("msg_") ? id : `msg_${mintHex(context.random, 24)}`;
}

export function answerModel(model: string, context: AnswerContext): string {
  if (context.answerModel !== "") return context.answerModel;
  return model === "" ? context.origin.model : model;
}
