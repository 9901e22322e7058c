/** One token for all that wait, renewed before it expires, fetched anew after a failure; what key files may say. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { createGoogleTokenSource } from "../../src/gateway/google-token-source.ts";
import type { TokenSource } from "../../src/gateway/target.ts";
import { parseCredentials, parseToken } from "../../src/providers/google-token.ts";
import { jsonAnswer } from "../support/answers.ts";
import { fakeTime } from "../support/fake-time.ts";
import { startUpstream } from "../support/scripted-upstream.ts";
import { testClient } from "../support/upstream-call.ts";

const get = (source: TokenSource) =>
  new Promise<{ lines: string; problem: string | null }>((resolve) =>
    source.get((lines, problem) => resolve({ lines, problem })),
  );

describe("Google's token", async () => {
  const server = await startUpstream((_request, index) =>
    jsonAnswer({ access_token: `t${index}`, expires_in: 3600 }),
  );
  const { client, close } = testClient();
  after(async () => {
    close();
    await server.close();
  });
  const sourceOf = (time = fakeTime()) =>
    createGoogleTokenSource({
      time,
      upstream: client,
      credentials: "",
      env: { GCE_METADATA_HOST: `127.0.0.1:${server.port}` },
      readFile() {
        throw new Error("ENOENT");
      },
    });

  test("is fetched once for all that ask, and kept until five minutes before it expires", async () => {
    server.forget();
    const time = fakeTime();
    const source = sourceOf(time);
    const all = await Promise.all([get(source), get(source), get(source)]);
    assert.deepEqual(new Set(all.map(({ lines }) => lines)), new Set(["authorization: Bearer t0\r\n"]));
    time.advance(3_299_000);
    assert.equal((await get(source)).lines, "authorization: Bearer t0\r\n");
    time.advance(2000);
    assert.equal((await get(source)).lines, "authorization: Bearer t1\r\n");
    assert.equal(server.requests.length, 2);
  });

  test("that cannot be had is told to all that wait, and asked for again by the next", async () => {
    const source = sourceOf();
    server.play(jsonAnswer({ error: "invalid_grant", error_description: "clock skew" }, { status: 400 }));
    const all = await Promise.all([get(source), get(source)]);
    for (const { lines, problem } of all) {
      assert.equal(lines, "");
      assert.equal(problem, "no token from Google: status 400: invalid_grant, clock skew");
    }
    server.play(jsonAnswer({ access_token: "fresh", expires_in: 3600 }));
    assert.equal((await get(source)).lines, "authorization: Bearer fresh\r\n");
  });

  test("of a short life is used once only", async () => {
    const source = sourceOf();
    server.play(jsonAnswer({ access_token: "short", expires_in: 60 }));
    server.forget();
    await get(source);
    await get(source);
    assert.equal(server.requests.length, 2);
  });

  test("is never asked for by more than 1,024 at once", async () => {
    const source = sourceOf();
    let settle = () => {};
    server.play({
      steps: [
        {
          until: new Promise<void>((resolve) => {
            settle = resolve;
          }),
        },
        ...jsonAnswer({ access_token: "t", expires_in: 3600 }).steps,
      ],
    });
    const waiting = Array.from({ length: 1024 }, () => get(source));
    assert.match((await get(source)).problem ?? "", /too many/);
    settle();
    assert.equal(
      (await Promise.all(waiting)).every(({ problem }) => problem === null),
      true,
    );
  });
});

test("a token that would break out of its header line is none", () => {
  for (const token of ["a b", "a\r\nx: y", "", 7]) {
    assert.throws(
      () => parseToken(200, JSON.stringify({ access_token: token, expires_in: 1 })),
      /status 200/,
    );
  }
  assert.throws(() => parseToken(200, "<html>"), /status 200/);
  assert.deepEqual(parseToken(200, '{"access_token":"ya29.a-b_c","expires_in":5}'), {
    token: "ya29.a-b_c",
    expiresInSeconds: 5,
  });
});

test("key files that cannot be used say what they lack, never what they hold", () => {
  assert.throws(() => parseCredentials("SECRET"), { message: "it is not JSON" });
  assert.throws(() => parseCredentials('{"type":"external_account"}'), /neither "service_account" nor/);
  assert.throws(() => parseCredentials('{"type":"service_account","private_key":"SECRET"}'), {
    message: 'it lacks "client_email"',
  });
  assert.throws(() => parseCredentials("[]"), /neither/);
});
