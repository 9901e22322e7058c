import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { originOf } from "../../src/upstream/origin.ts";
import { parseProxy, proxyFor } from "../../src/upstream/proxy.ts";
import { answer } from "../support/answers.ts";
import { type ForwardProxyOptions, startForwardProxy } from "../support/forward-proxy.ts";
import { startUpstream } from "../support/scripted-upstream.ts";
import { createAuthority, createCertificate } from "../support/tls.ts";
import { testClient } from "../support/upstream-call.ts";

const authority = createAuthority();
const CREDENTIALS = `Basic ${Buffer.from("me:s:e c").toString("base64")}`;

async function behindProxy(t: TestContext, secure: boolean, options: ForwardProxyOptions = {}) {
  const large = Buffer.alloc(300_000, 120);
  const script = (request: { path: string }) =>
    answer({ body: request.path.includes("large") ? large : "ok" });
  const upstream = await startUpstream(script, secure ? { tls: createCertificate(authority) } : {});
  const proxy = await startForwardProxy(options);
  const client = testClient();
  t.after(async () => {
    client.close();
    await proxy.close();
    await upstream.close();
  });
  const originVia = (credentials: string) => {
    const scheme = options.tls === undefined ? "http" : "https";
    const via = parseProxy(`${scheme}://${credentials}127.0.0.1:${proxy.port}`);
    return originOf(upstream.url, { proxy: via, ca: [authority.cert] });
  };
  return { ...client, upstream, proxy, originVia };
}

test("a plain origin is asked through the proxy in absolute form, over one kept connection", async (t) => {
  const { ask, originVia, proxy, upstream } = await behindProxy(t, false, { authorization: CREDENTIALS });
  const origin = originVia("me:s%3Ae%20c@");
  const first = await ask(origin, { path: "/x?y=1" });
  assert.equal(first.failure, null, first.failure?.message);
  assert.equal(first.body.toString(), "ok");
  assert.equal((await ask(origin, { path: "/large" })).body.length, 300_000);
  assert.deepEqual(proxy.asked, [`GET ${upstream.url}/x?y=1`, `GET ${upstream.url}/large`]);
  assert.equal(upstream.requests[0]?.header("proxy-authorization"), "");
  const refused = await ask(originVia(""));
  assert.equal(refused.status, 407);
});

for (const [name, options] of [
  ["a proxy", { authorization: CREDENTIALS }],
  ["a proxy that speaks TLS itself", { authorization: CREDENTIALS, tls: createCertificate(authority) }],
] as const) {
  test(`a TLS origin is reached through a tunnel of ${name}, with credentials`, async (t) => {
    const { ask, originVia, proxy, upstream, client } = await behindProxy(t, true, options);
    const origin = originVia("me:s%3Ae%20c@");
    const first = await ask(origin, { body: "hello" });
    assert.equal(first.failure, null, first.failure?.message);
    assert.equal(first.body.toString(), "ok");
    assert.equal(upstream.requests[0]?.body.toString(), "hello");
    assert.equal(upstream.requests[0]?.header("proxy-authorization"), "");
    const second = await ask(origin, { path: "/large" });
    assert.equal(second.body.length, 300_000);
    assert.equal(second.reused, true);
    assert.deepEqual(proxy.asked, [`CONNECT 127.0.0.1:${upstream.port}`]);
    assert.equal(client.stats().open, 1);
  });

  test(`without credentials ${name} refuses, and the error says so without showing any`, async (t) => {
    const { ask, originVia } = await behindProxy(t, true, options);
    for (const credentials of ["", "me:wrong@"]) {
      const { failure } = await ask(originVia(credentials));
      assert.equal(failure?.cause, "proxy");
      assert.match(failure?.message ?? "", /127\.0\.0\.1:\d+ wants credentials/);
      assert.doesNotMatch(failure?.message ?? "", /wrong|Basic/);
    }
  });
}

test("a proxy that refuses, talks nonsense, or is not there fails as proxy", async (t) => {
  const { ask, originVia, proxy, client } = await behindProxy(t, true);
  for (const [refusal, says] of [
    ["HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", /refused with status 403/],
    ["SSH-2.0-nonsense\r\n", /is not HTTP/],
    ["HTTP/1.1 200 OK\r\n\r\nextra", /bytes into the tunnel/],
    ["HTTP/1.1 2", /closed the connection/],
  ] as const) {
    proxy.refusal = refusal;
    const { failure } = await ask(originVia(""));
    assert.equal(failure?.cause, "proxy");
    assert.match(failure?.message ?? "", says);
  }
  proxy.refusal = "HTTP/1.1 502 Bad Gateway\r\n\r\n";
  const probe = () => new Promise<boolean>((resolve) => client.probe(originVia(""), 1000, resolve));
  assert.equal(await probe(), false);
  proxy.refusal = "HTTP/1.1 403 Forbidden\r\n\r\n";
  assert.equal(await probe(), true);
  proxy.refusal = "";
  assert.equal(await probe(), true);
  await proxy.close();
  const { failure } = await ask(originVia(""));
  assert.equal(failure?.cause, "proxy");
  assert.match(
    failure?.message ?? "",
    /no connection to the proxy 127\.0\.0\.1:\d+ \(127\.0\.0\.1: ECONNREFUSED\)/,
  );
});

test("the certificate behind a tunnel is verified for the origin, not for the proxy", async (t) => {
  const { ask, proxy, upstream } = await behindProxy(t, true);
  const via = parseProxy(`http://127.0.0.1:${proxy.port}`);
  const { failure } = await ask(originOf(upstream.url, { proxy: via }));
  assert.equal(failure?.tlsReason, "unknown_ca");
  assert.equal(failure?.cause, "tls");
});

const target = (url: string) => originOf(url);

test("the environment names the proxy by the origin's scheme", () => {
  const env = { HTTPS_PROXY: "http://secure:3128", HTTP_PROXY: "plain:3129" };
  assert.equal(proxyFor(env, target("https://api.example"))?.host, "secure");
  assert.equal(proxyFor(env, target("http://api.example"))?.port, 3129);
  assert.equal(
    proxyFor({ ...env, https_proxy: "http://lower" }, target("https://api.example"))?.host,
    "lower",
  );
  assert.equal(proxyFor({ ...env, https_proxy: "" }, target("https://api.example")), null);
  assert.equal(proxyFor({ ALL_PROXY: "https://all" }, target("http://api.example"))?.tls, true);
  assert.equal(proxyFor({}, target("https://api.example")), null);
});

test("NO_PROXY excludes names, subdomains, addresses, networks and ports", () => {
  const excluded = (list: string, url: string) =>
    proxyFor({ HTTP_PROXY: "http://p", HTTPS_PROXY: "http://p", NO_PROXY: list }, target(url)) === null;
  const yes: [string, string][] = [
    ["*", "https://api.example"],
    ["api.example", "https://API.example"],
    ["example", "https://api.example"],
    [".api.example", "https://x.api.example"],
    ["*.example", "https://x.api.example"],
    ["a, b api.example", "https://api.example"],
    ["127.0.0.1", "http://127.0.0.1:8080"],
    ["127.0.0.0/8", "http://127.9.9.9"],
    ["::1", "http://[::1]:80"],
    ["[::1]:8080", "http://[::1]:8080"],
    ["api.example:8443", "https://api.example:8443"],
    ["localhost,127.0.0.1", "http://localhost:11434"],
  ];
  const no: [string, string][] = [
    ["pi.example", "https://api.example"],
    ["api.example:8443", "https://api.example"],
    ["127.0.0.0/30", "http://127.0.0.9"],
    ["0.0.1", "http://127.0.0.1"],
    ["", "https://api.example"],
  ];
  for (const [list, url] of yes) assert.equal(excluded(list, url), true, `${list} holds ${url}`);
  for (const [list, url] of no) assert.equal(excluded(list, url), false, `${list} does not hold ${url}`);
});

test("a proxy that cannot be read is an error that does not show its password", () => {
  for (const text of ["http://", "socks5://me:secret@h", "http://me:secret@:99999"]) {
    assert.throws(
      () => parseProxy(text),
      (error: Error) => error instanceof TypeError && !error.message.includes("secret"),
    );
  }
});
