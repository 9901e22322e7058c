/** A primary that is down for a minute, in real time and over real sockets: it fails, or it hangs. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startGateway, type TestAnswer, type TestGateway } from "../support/gateway.ts";
import { openaiChat, openaiError } from "../support/openai-answers.ts";
import { publicAlias } from "../support/public-alias.ts";
import { type Script, type ScriptedUpstream, startUpstream } from "../support/scripted-upstream.ts";

const DOWN_MS = 60_000;
const EVERY_MS = 4000;
/** 1.1 x `cooldown` and one request interval. */
const BACK_BY_MS = DOWN_MS + 1.1 * 15_000 + EVERY_MS;
/** What a busy machine may add to any wait. */
const SLACK_MS = 2000;

interface Asked {
  readonly at: number;
  readonly status: string;
  readonly answer: TestAnswer;
  readonly took: number;
}

interface Setup {
  readonly sluice: TestGateway;
  readonly primary: ScriptedUpstream;
  now(): number;
}

async function flap(down: Script, use: (setup: Setup) => Promise<void>): Promise<void> {
  const began = performance.now();
  const now = () => performance.now() - began;
  const primary = await startUpstream((request, index) => {
    if (now() >= DOWN_MS) return openaiChat({ text: "from a" })(request);
    return typeof down === "function" ? down(request, index) : down;
  });
  const backup = await startUpstream(openaiChat({ text: "from b" }));
  const sluice = await startGateway(publicAlias([primary.url, backup.url]));
  try {
    await use({ sluice, primary, now });
  } finally {
    await sluice.close();
    await primary.close();
    await backup.close();
  }
}

async function ask({ sluice, now }: Setup, stream: boolean): Promise<Asked> {
  const at = now();
  const status = sluice.gateway.status().models[0]?.targets[0]?.status ?? "";
  const messages = [{ role: "user", content: "hi" }];
  const answer = await sluice.post("/v1/chat/completions", { model: "m", messages, stream });
  return { at, status, answer, took: now() - at };
}

const pause = () => new Promise((next) => setTimeout(next, EVERY_MS));
const isBack = ({ answer }: Asked) => answer.headers.get("x-sluice-provider") === "a";

describe("a primary that is down for 60 s, one request every 4 s", { concurrency: 2 }, () => {
  test("and fails: each request is answered, asks it once at most, and it has them back in time", {
    timeout: 180_000,
  }, async () => {
    await flap(openaiError(500), async (setup) => {
      let opened = false;
      for (;;) {
        const before = setup.primary.requests.length;
        const asked = await ask(setup, false);
        assert.equal(asked.answer.status, 200, asked.answer.text);
        if (opened && asked.at < DOWN_MS) assert.ok(setup.primary.requests.length - before <= 1);
        opened ||= setup.sluice.gateway.status().models[0]?.targets[0]?.circuit !== "closed";
        assert.ok(asked.at <= BACK_BY_MS + SLACK_MS, "not back in time");
        if (isBack(asked)) break;
        await pause();
      }
      assert.ok(setup.now() >= DOWN_MS);
    });
  });

  test("and hangs: none waits longer than first_token, and 1 s once it is known, and it has them back in time", {
    timeout: 180_000,
  }, async () => {
    await flap({ steps: ["stall"] }, async (setup) => {
      const all: Promise<Asked>[] = [];
      while (setup.now() < BACK_BY_MS + EVERY_MS) {
        all.push(ask(setup, true));
        await pause();
      }
      const answers = await Promise.all(all);
      for (const { at, status, answer, took } of answers) {
        assert.equal(answer.status, 200, answer.text);
        assert.match(answer.text, /\[DONE\]\n\n$/);
        const most = status === "open" || status === "suspect" ? 1000 : 12_000;
        assert.ok(took <= most + SLACK_MS, `asked at ${at} while ${status}: ${took} ms`);
      }
      const back = answers.find(isBack)?.at ?? Number.POSITIVE_INFINITY;
      assert.ok(back <= BACK_BY_MS + SLACK_MS, `back after ${back} ms`);
    });
  });
});
