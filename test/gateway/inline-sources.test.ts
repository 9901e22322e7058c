/** URLs that a target cannot be given are fetched and sent as content, or refused with the place they stand at. */
import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import { originOf } from "../../src/upstream/origin.ts";
import { answer } from "../support/answers.ts";
import { startGateway } from "../support/gateway.ts";
import { gemini } from "../support/gemini-answers.ts";
import { openaiChat } from "../support/openai-answers.ts";
import { type Play, type ReceivedRequest, startUpstream } from "../support/scripted-upstream.ts";
import { createAuthority, createCertificate } from "../support/tls.ts";

const PNG = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");
const PDF = Buffer.from("%PDF-1.7 and so on");

interface Inline {
  readonly mimeType: string;
  readonly data: string;
}

function file(body: Buffer, type: string, headers: Record<string, string> = {}): Play {
  return answer({ headers: { ...(type === "" ? {} : { "content-type": type }), ...headers }, body });
}

describe("URLs in a request", async () => {
  const authority = createAuthority();
  // The name resolves nowhere: that it is connected to at all shows that the checked addresses are used.
  const files = await startUpstream(file(PNG, "image/png"), {
    tls: createCertificate(authority, { hosts: ["files.invalid"] }),
  });
  const google = await startUpstream(gemini({ text: "seen" }));
  const openai = await startUpstream(openaiChat({ text: "seen elsewhere" }));
  let opened: string[] = [];
  const sluice = await startGateway(
    `[limits]
max_request_bytes = "1MiB"
max_buffered_bytes = "8MiB"
[provider.g]
protocol = "gemini"
base_url = "${google.url}"
api_key = "k"
[provider.o]
base_url = "${openai.url}/v1"
api_key = "k"
[model]
m = [{ provider = "g", model = "gemini-2.0-flash" }]
chat = [{ provider = "o", model = "gpt-x" }]
[model.both]
strategy = "failover"
targets = [{ provider = "g", model = "gemini-2.0-flash" }, { provider = "o", model = "gpt-x" }]
`,
    {
      async publicOrigin(url) {
        opened.push(url.pathname);
        const origin = originOf(url, { ca: [authority.cert], maxConnections: 8 });
        return { ...origin, key: `${origin.key} pinned`, addresses: ["127.0.0.1"] };
      },
    },
  );
  after(async () => {
    await sluice.close();
    await Promise.all([files.close(), google.close(), openai.close()]);
  });
  beforeEach(() => {
    opened = [];
    for (const upstream of [files, google, openai]) upstream.forget();
    files.play(file(PNG, "image/png"));
  });

  const at = (path: string) => `https://files.invalid:${files.port}${path}`;
  const ask = (urls: readonly string[], more: object = {}) => {
    const content = urls.map((url) => ({ type: "image_url", image_url: { url } }));
    const messages = [{ role: "user", content: [{ type: "text", text: "what is it?" }, ...content] }];
    return sluice.post("/v1/chat/completions", { model: "m", messages, ...more });
  };
  const partsOf = (request: ReceivedRequest | undefined) => {
    assert.ok(request !== undefined, "nothing was sent to the target");
    const { contents } = request.json() as { contents: [{ parts: Record<string, Inline>[] }] };
    return contents[0].parts;
  };
  const used = () => sluice.gateway.status().memory.bodies.used;

  test("are sent as content where the target has no form for them", async () => {
    const got = await ask([at("/cat?size=1")]);
    assert.equal(got.status, 200, got.text);
    assert.equal(got.json().choices[0].message.content, "seen");
    assert.deepEqual(partsOf(google.requests[0])[1], {
      inlineData: { mimeType: "image/png", data: PNG.toString("base64") },
    });
    const fetched = files.requests[0];
    assert.equal(fetched?.method, "GET");
    assert.equal(fetched?.path, "/cat?size=1");
    assert.equal(fetched?.header("host"), `files.invalid:${files.port}`);
    assert.equal(fetched?.header("authorization"), "");
    assert.equal(used(), 0);
  });

  test("stream just as well", async () => {
    const got = await ask([at("/cat")], { stream: true });
    assert.match(got.text, /seen[\s\S]*\[DONE\]/);
    assert.equal(used(), 0);
  });

  test("of one address are fetched once, and of many no more than four at a time", async () => {
    let atOnce = 0;
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    files.play((_request, index) => {
      if (index === 3)
        setTimeout(() => {
          atOnce = files.requests.length;
          release();
        }, 100);
      return { steps: [{ until: held }, ...file(PNG, "image/png").steps] };
    });
    const paths = Array.from({ length: 9 }, (_, index) => `/${index % 8}`);
    const got = await ask(paths.map(at));
    assert.equal(got.status, 200, got.text);
    assert.equal(files.requests.length, 8);
    assert.equal(partsOf(google.requests[0]).filter((part) => "inlineData" in part).length, 9);
    assert.equal(atOnce, 4);
  });

  test("more than 32 of them are a 400", async () => {
    const got = await ask(Array.from({ length: 33 }, (_, index) => at(`/${index}`)));
    assert.equal(got.status, 400);
    assert.match(got.json().error.message, /32 URLs/);
    assert.equal(opened.length, 0);
  });

  test("keep a large file whole", async () => {
    const large = Buffer.alloc(700_001, 7);
    files.play(file(large, "image/png"));
    const got = await ask([at("/large")]);
    assert.equal(got.status, 200, got.text);
    assert.equal(partsOf(google.requests[0])[1]?.["inlineData"]?.data, large.toString("base64"));
    assert.equal(used(), 0);
  });

  test("are told from their bytes where the server does not say what they are", async () => {
    files.play(file(PNG, "application/octet-stream"));
    const got = await ask([at("/blob")]);
    assert.equal(got.status, 200, got.text);
    assert.equal(partsOf(google.requests[0])[1]?.["inlineData"]?.mimeType, "image/png");
  });

  for (const [what, url, play, message, code] of [
    [
      "a redirect",
      at("/x"),
      answer({ status: 302, headers: { location: at("/y") } }),
      /302.*redirects are not followed/,
      "source_not_fetched",
    ],
    ["a missing file", at("/x"), answer({ status: 404, body: "no" }), /answered 404/, "source_not_fetched"],
    ["a web page", at("/x"), file(Buffer.from("<html>"), "text/html"), /text\/html/, "source_not_fetched"],
    [
      "another kind of file",
      at("/x"),
      file(PDF, "application/pdf"),
      /application\/pdf was fetched for this image/,
      "source_not_fetched",
    ],
    [
      "a compressed answer",
      at("/x"),
      file(PNG, "image/png", { "content-encoding": "gzip" }),
      /encoding/,
      "source_not_fetched",
    ],
    ["an empty file", at("/x"), file(Buffer.alloc(0), "image/png"), /sent nothing/, "source_not_fetched"],
    [
      "a file that breaks off",
      at("/x"),
      answer({
        headers: { "content-type": "image/png" },
        body: PNG,
        contentLength: 99,
        framing: "length",
        breakAfter: 1,
        how: "close",
      }),
      /could not be fetched/,
      "source_not_fetched",
    ],
    [
      "a file without an end",
      at("/x"),
      answer({ headers: { "content-type": "image/png" }, body: PNG, framing: "close" }),
      /did not say where/,
      "source_not_fetched",
    ],
    [
      "a declared file that is too large",
      at("/x"),
      answer({ headers: { "content-type": "image/png" }, body: PNG, contentLength: 2_000_000 }),
      /limits\.max_request_bytes/,
      "source_too_large",
    ],
    [
      "a file that turns out too large",
      at("/x"),
      answer({
        headers: { "content-type": "image/png" },
        pieces: Array.from({ length: 20 }, () => Buffer.alloc(60_000)),
      }),
      /limits\.max_request_bytes/,
      "source_too_large",
    ],
    ["plain http", "http://files.invalid/x", file(PNG, "image/png"), /not https/, "source_not_fetched"],
    [
      "credentials in the URL",
      "https://u:secret@files.invalid/x",
      file(PNG, "image/png"),
      /credentials/,
      "source_not_fetched",
    ],
  ] as const) {
    test(`${what} is a 400 that names the place, and nothing is sent to the target`, async () => {
      files.play(play);
      const got = await ask([url]);
      assert.equal(got.status, 400, got.text);
      const { error } = got.json();
      assert.match(error.message, message);
      assert.equal(error.code, code);
      assert.equal(error.param, "messages[0].content[1]");
      assert.ok(!got.text.includes("secret"), got.text);
      assert.equal(google.requests.length, 0);
      assert.equal(used(), 0);
    });
  }

  test("stay as they are for a target that takes them, after one that could not be given them", async () => {
    files.play(answer({ status: 403, body: "" }));
    const got = await ask([at("/x"), at("/y")], { model: "both" });
    assert.equal(got.json().choices[0].message.content, "seen elsewhere");
    const sent = openai.requests[0]?.json() as { messages: [{ content: { image_url?: { url: string } }[] }] };
    assert.equal(sent.messages[0].content[1]?.image_url?.url, at("/x"));
    assert.equal(google.requests.length, 0);
  });

  test("documents of Anthropic's callers reach Chat Completions as content", async () => {
    files.play(file(PDF, "application/pdf"));
    const got = await sluice.post("/v1/messages", {
      model: "chat",
      max_tokens: 9,
      messages: [
        {
          role: "user",
          content: [
            { type: "document", source: { type: "url", url: at("/a.pdf") } },
            { type: "text", text: "?" },
          ],
        },
      ],
    });
    assert.equal(got.status, 200, got.text);
    const data = `data:application/pdf;base64,${PDF.toString("base64")}`;
    assert.ok(openai.requests[0]?.body.includes(data), openai.requests[0]?.body.toString());
  });

  test("are not fetched on when the caller goes", async () => {
    files.play({ steps: ["stall"] });
    const abort = new AbortController();
    const asked = fetch(`${sluice.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        model: "m",
        messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: at("/slow") } }] }],
      }),
      signal: abort.signal,
    });
    const fetched = await files.received(1);
    abort.abort();
    await assert.rejects(asked);
    while (fetched.closedAt < 0) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(fetched.aborted, true);
    assert.equal(google.requests.length, 0);
    assert.equal(used(), 0);
    assert.equal(sluice.gateway.active, 0);
  });
});

test("what does not fit into the memory for bodies is refused, and given back", async () => {
  const authority = createAuthority();
  const files = await startUpstream(file(Buffer.alloc(40_000, 1), "image/png"), {
    tls: createCertificate(authority, { hosts: ["files.invalid"] }),
  });
  const google = await startUpstream(gemini());
  const sluice = await startGateway(
    `[limits]\nmax_buffered_bytes = "64KiB"\n[provider.g]\nprotocol = "gemini"\nbase_url = "${google.url}"\napi_key = "k"\n[model]\nm = [{ provider = "g", model = "gemini-2.0-flash" }]\n`,
    {
      async publicOrigin(url) {
        return { ...originOf(url, { ca: [authority.cert] }), addresses: ["127.0.0.1"] };
      },
    },
  );
  try {
    const url = `https://files.invalid:${files.port}/x`;
    const got = await sluice.post("/v1/chat/completions", {
      model: "m",
      messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }],
    });
    assert.equal(got.status, 413, got.text);
    assert.equal(google.requests.length, 0);
    assert.equal(sluice.gateway.status().memory.bodies.used, 0);
  } finally {
    await sluice.close();
    await Promise.all([files.close(), google.close()]);
  }
});

test("a URL of the own network is refused before anything is connected to", async () => {
  const inside = await startUpstream(file(PNG, "image/png"), { tls: createCertificate(createAuthority()) });
  const google = await startUpstream(gemini());
  const sluice = await startGateway(
    `[provider.g]\nprotocol = "gemini"\nbase_url = "${google.url}"\napi_key = "k"\n[model]\nm = [{ provider = "g", model = "gemini-2.0-flash" }]\n`,
  );
  try {
    for (const host of ["127.0.0.1", "localhost", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]"]) {
      const url = `https://${host}:${inside.port}/x.png`;
      const got = await sluice.post("/v1/chat/completions", {
        model: "m",
        messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }],
      });
      assert.equal(got.status, 400, got.text);
      assert.equal(got.json().error.code, "private_address");
      assert.equal(got.json().error.param, "messages[0].content[0]");
    }
    assert.equal(inside.connections, 0);
  } finally {
    await sluice.close();
    await Promise.all([inside.close(), google.close()]);
  }
});
