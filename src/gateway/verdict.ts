/** Turns what an attempt ran into into a verdict of the failure tables. */
import type { UpstreamErrorInfo } from "../base/upstream-error.ts";
import { classifyAnswer, classifyFailure, type Verdict, verdictOf } from "../upstream/classify.ts";
import type { Target } from "./target.ts";
import type { Trouble } from "./trouble.ts";

export interface VerdictFacts {
  readonly target: Target;
  readonly stream: boolean;
  readonly idInPath: boolean;
  readonly retryAfterMax: number;
  readonly needTokens: number;
  readonly wall: number;
  readonly clockUntrusted: boolean;
}

const NO_ERROR: UpstreamErrorInfo = {
  status: 0,
  code: "",
  message: "",
  param: null,
  retryAfterMs: null,
  recognised: false,
};

export function judge(why: Trouble, facts: VerdictFacts): Verdict {
  if (why.afterContent) return judgeBroken(why, facts);
  return judgeWhole(why, facts);
}

/** After content it is a broken stream whatever broke it, unless its words say that the request itself is refused. */
function judgeBroken(why: Trouble, facts: VerdictFacts): Verdict {
  const { cause, timedOut, failureKind, next } = judgeWhole(why, facts);
  if (cause === "content_filter" || cause === "refused") return { ...verdictOf(cause), next };
  return { ...verdictOf("stream_broken"), timedOut, failureKind };
}

function judgeWhole(why: Trouble, facts: VerdictFacts): Verdict {
  switch (why.kind) {
    case "transport":
    case "cut":
      if (why.failure !== null) {
        return classifyFailure(why.failure, {
          phase: why.afterHead ? "body" : "head",
          stream: facts.stream,
          clockUntrusted: facts.clockUntrusted,
        });
      }
      return verdictOf(facts.stream ? "error_answer" : "cut_body");
    case "answer":
    case "error_inside":
      if (why.kind === "error_inside" && why.error === null) return verdictOf("error_answer");
      return classifyAnswer({
        status: why.kind === "answer" ? why.status : 200,
        headers: why.headers,
        error: why.error ?? NO_ERROR,
        providerKind: facts.target.provider.kind.name,
        dialect: facts.target.provider.dialect,
        idInPath: facts.idInPath,
        retryAfterMax: facts.retryAfterMax,
        needTokens: facts.needTokens,
        wall: facts.wall,
      });
    case "first_token_max":
    case "answer_deadline":
    case "idle":
    case "content_idle":
    case "total":
      return verdictOf("timeout");
    case "departed":
      return { ...verdictOf("stream_broken"), counts: false };
    case "empty":
    case "not_its_type":
      return verdictOf("error_answer");
    case "too_large":
      return { ...verdictOf("bad_answer"), counts: false };
    case "cannot":
      return { ...verdictOf("caller_error"), next: "yes", relay: false };
    case "credential":
      return verdictOf("credential");
  }
}
