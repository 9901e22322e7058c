/** A provider of the simulation: healthy, slow, broken in one of many ways, and changing between them. */
import type { Random } from "../../src/base/clock.ts";
import {
  chat,
  claude,
  failure,
  HEAD_AND_SILENCE,
  refusal,
  SILENCE,
  serverError,
} from "../support/fake-answers.ts";
import type { Acts } from "../support/fake-network.ts";

const CONDITIONS = [
  "healthy",
  "healthy",
  "healthy",
  "healthy",
  "slow",
  "silent",
  "head_then_silent",
  "refusing",
  "unresolved",
  "unconnected",
  "resetting",
  "failing",
  "limiting",
  "limiting_long",
  "cutting",
  "cutting",
  "stalling",
  "talking_html",
  "lying", // an error in a 200
  "empty",
  "key_revoked",
  "restarting",
  "restarting", // never goes on: begins again, in other words at times
] as const;

export type Condition = (typeof CONDITIONS)[number];

export class ServerModel {
  condition: Condition = "healthy";
  /** Simulated milliseconds of the last change. */
  changedAt = 0;

  constructor(
    readonly name: string,
    private readonly random: Random,
  ) {}

  change(now: number): void {
    this.changedAt = now;
    this.condition =
      this.random.next() < 0.4 ? "healthy" : (CONDITIONS[this.below(CONDITIONS.length)] ?? "healthy");
  }

  /** `text`: the whole right answer; `soFar`: what the request says was delivered of it already. */
  answer(stream: boolean, text: string, soFar: string): Acts {
    const rest = this.restOf(text, soFar);
    const words = rest.split(" ").length;
    switch (this.condition) {
      case "healthy":
        return this.say(stream, rest, 50 + this.below(500), 1 + this.below(40));
      case "slow":
        return this.say(stream, rest, 5000 + this.below(40_000), 200 + this.below(2000));
      case "silent":
        return SILENCE;
      case "head_then_silent":
        return HEAD_AND_SILENCE;
      case "refusing":
        return failure("refused", this.below(20));
      case "unresolved":
        return failure("dns", this.below(200));
      case "unconnected":
        return [{ afterMs: 3_600_000, connect: true }];
      case "resetting":
        return failure("reset", this.below(3000));
      case "failing":
        return serverError([500, 502, 503, 529, 501][this.below(5)], this.below(4000));
      case "limiting":
        return refusal(429, { error: { message: "slow down" } }, [
          "retry-after-ms",
          String(100 + this.below(2500)),
        ]);
      case "limiting_long":
        return refusal(429, { error: { message: "slow down" } }, ["retry-after", String(5 + this.below(60))]);
      case "cutting":
      case "stalling":
        return this.say(
          stream,
          rest,
          50 + this.below(300),
          1 + this.below(30),
          1 + this.below(words + 3),
          this.condition,
        );
      case "talking_html":
        return [
          { afterMs: 20, head: 200, headers: ["content-type", "text/html"] },
          { afterMs: 0, data: "<!doctype html><p>login" },
          { afterMs: 0, end: true },
        ];
      case "lying":
        return refusal(200, { error: { message: "internal", type: "server_error" } });
      case "empty":
        return [
          {
            afterMs: 20,
            head: 200,
            headers: ["content-type", stream ? "text/event-stream" : "application/json"],
          },
          { afterMs: 0, end: true },
        ];
      case "key_revoked":
        return refusal(401, {
          error: { message: "invalid api key", code: "invalid_api_key", type: "authentication_error" },
        });
      case "restarting": {
        // Whoever departs where the gateway can tell: within what was delivered, and not at once.
        const departs = soFar.length >= 26 && this.random.next() < 0.5;
        return this.say(stream, departs ? `${soFar.slice(0, soFar.length / 2)} or rather not` : text, 50, 5);
      }
    }
  }

  private restOf(text: string, soFar: string): string {
    if (soFar === "") return text;
    const dice = this.random.next();
    if (dice < 0.6) return text.slice(soFar.length);
    if (dice < 0.8) return text;
    return text.slice(Math.max(0, soFar.length - 12 - this.below(20)));
  }

  private say(
    stream: boolean,
    text: string,
    firstMs: number,
    everyMs: number,
    cutAfter = -1,
    how: Condition = "healthy",
  ): Acts {
    const pace = { firstMs, everyMs, cutAfter, how: how === "stalling" ? "stall" : "cut" } as const;
    return this.name.startsWith("claude") ? claude(stream, { text }, pace) : chat(stream, { text }, pace);
  }

  private below(bound: number): number {
    return Math.floor(this.random.next() * bound);
  }
}
