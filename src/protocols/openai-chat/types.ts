/** Chat Completions on the wire: members this gateway reads or writes by name. */

/** Members of a request that have a place in the neutral form; all others go to `ext.openai` as they are. */
export const KNOWN_MEMBERS: ReadonlySet<string> = new Set([
  "model",
  "messages",
  "stream",
  "stream_options",
  "tools",
  "tool_choice",
  "parallel_tool_calls",
  "functions",
  "function_call",
  "response_format",
  "verbosity",
  "temperature",
  "top_p",
  "top_k",
  "seed",
  "stop",
  "max_tokens",
  "max_completion_tokens",
  "n",
  "presence_penalty",
  "frequency_penalty",
  "logit_bias",
  "logprobs",
  "top_logprobs",
  "reasoning_effort",
  "reasoning",
  "prompt_cache_key",
  "service_tier",
  "user",
  "safety_identifier",
  "metadata",
]);

/** Members of `ext.openai` that Chat Completions has (the Responses API keeps others of its own there). */
export const EXTRA_MEMBERS: readonly string[] = [
  "audio",
  "modalities",
  "moderation",
  "prediction",
  "prompt_cache_options",
  "prompt_cache_retention",
  "web_search_options",
];

/** A message of a request, as it is written. */
export interface ChatMessage {
  role: "system" | "developer" | "user" | "assistant" | "tool";
  content?: string | ChatContentPart[] | null;
  name?: string;
  refusal?: string;
  reasoning_content?: string;
  tool_calls?: ChatToolCall[];
  tool_call_id?: string;
}

export interface ChatContentPart {
  type: string;
  text?: string;
  image_url?: { url: string; detail?: string };
  input_audio?: { data: string; format: string };
  file?: { filename?: string; file_data?: string; file_id?: string };
  cache_control?: unknown;
  prompt_cache_breakpoint?: unknown;
}

export interface ChatToolCall {
  id: string;
  type: "function" | "custom";
  function?: { name: string; arguments: string };
  custom?: { name: string; input: string };
  extra_content?: { google: { thought_signature: string } };
}
