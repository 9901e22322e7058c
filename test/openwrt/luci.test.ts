import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const FOLDER = "openwrt/luci-app-sluice";
const acl = JSON.parse(readFileSync(`${FOLDER}/acl.d/luci-app-sluice.json`, "utf8"))["luci-app-sluice"];
const menu = JSON.parse(readFileSync(`${FOLDER}/menu.d/luci-app-sluice.json`, "utf8"));

interface Node {
  readonly tag: string;
  readonly attributes: Record<string, unknown>;
  readonly children: unknown[];
}
interface View {
  load(): Promise<unknown[]>;
  render(data: unknown): Promise<Node>;
}

const words = (node: unknown): string => {
  if (Array.isArray(node)) return node.map(words).join("");
  if (typeof node === "object" && node !== null && "children" in node) return words(node.children);
  return String(node ?? "");
};
const nodes = (node: unknown): Node[] => {
  if (Array.isArray(node)) return node.flatMap(nodes);
  if (typeof node !== "object" || node === null || !("children" in node)) return [];
  return [node as Node, ...nodes((node as Node).children)];
};

/** LuCI's modules as far as the page uses them; what it does is written down. */
function openPage(options: {
  running: boolean;
  files: Record<string, string>;
  port?: string;
  exitCode?: number;
}) {
  const done: string[] = [];
  const settings: string[] = [];
  const option = { value() {}, depends() {} };
  const section = {
    option(_kind: unknown, name: string) {
      settings.push(name);
      return { ...option };
    },
  };
  const modules = {
    view: { extend: (page: View) => page },
    dom: { content: (_node: unknown, content: unknown) => done.push(`show ${words(content)}`) },
    form: {
      Map: class {
        section = () => section;
        render = () => Promise.resolve({ tag: "map", attributes: {}, children: [] });
      },
      NamedSection: 1,
      Flag: 2,
      Value: 3,
      ListValue: 4,
    },
    fs: {
      read: (path: string) => Promise.resolve(options.files[path] ?? ""),
      write: (path: string, text: string) => {
        done.push(`write ${path} ${JSON.stringify(text)}`);
        return Promise.resolve();
      },
      exec: (program: string, args: string[]) => {
        done.push(`exec ${[program, ...args].join(" ")}`);
        return Promise.resolve({ code: options.exitCode ?? 0, stdout: "report", stderr: "" });
      },
    },
    poll: { add() {} },
    rpc: {
      declare: () => () =>
        Promise.resolve(
          options.running ? { sluice: { instances: { main: { running: true, pid: 42 } } } } : {},
        ),
    },
    uci: { load: () => Promise.resolve(), get: () => options.port },
    ui: {
      createHandlerFn: (_page: unknown, handler: () => unknown) => handler,
      addNotification: (_title: unknown, node: unknown, kind: string) => done.push(`${kind}: ${words(node)}`),
    },
    L: { resolveDefault: (value: Promise<unknown>) => value },
    E: (tag: string, attributes: Record<string, unknown>, children: unknown) => {
      const node = { tag, attributes, children: [children], style: {} };
      return tag === "textarea" ? { ...node, value: words(children) } : node;
    },
    // LuCI adds format() to strings.
    _: (text: string) =>
      Object.assign(Object(text), { format: (value: unknown) => text.replace("%d", `${value}`) }),
    location: { hostname: "192.0.2.1" },
  };
  const source = readFileSync(`${FOLDER}/view/overview.js`, "utf8");
  const page = new Function(...Object.keys(modules), source)(...Object.values(modules)) as View;
  return { page, done, settings };
}

const FILES = {
  "/etc/sluice/config.toml": "[server]\nhost_names = []\nport = 4567\n[admin]\n",
  "/etc/sluice/env/SLUICE_ADMIN_TOKEN": "secret\n",
};

test("the page shows whether it runs, the base URL with the port of the file, and the console", async () => {
  const { page } = openPage({ running: true, files: FILES });
  const tree = await page.render(await page.load());
  match(words(tree), /running \(process 42\)/);
  match(words(tree), /http:\/\/192\.0\.2\.1:4567\/v1/);
  const link = nodes(tree).find(({ tag }) => tag === "a");
  equal(link?.attributes["href"], "http://192.0.2.1:4567/console/");
  const stopped = openPage({ running: false, files: {}, port: "80" });
  const other = words(await stopped.page.render(await stopped.page.load()));
  match(other, /not running/);
  match(other, /http:\/\/192\.0\.2\.1:80\/v1/);
});

test("every setting it offers is one of the service's", async () => {
  const { page, settings } = openPage({ running: true, files: FILES });
  await page.render(await page.load());
  const known = readFileSync("openwrt/files/sluice.config", "utf8");
  for (const name of settings) match(known, new RegExp(`option ${name}\\b`), name);
  ok(settings.includes("enabled"));
});

test("saving writes the file with unix line ends, checks it, and says when it has errors", async () => {
  for (const [exitCode, kind] of [
    [0, "info"],
    [2, "warning"],
  ] as const) {
    const { page, done } = openPage({ running: true, files: FILES, exitCode });
    const tree = await page.render(await page.load());
    const area = nodes(tree).find(({ tag }) => tag === "textarea") as Node & { value: string };
    area.value = "[server]\r\nport = 1\r\n\n";
    const button = nodes(tree).find((node) => words(node) === "Save and check" && node.tag === "button");
    ok(button, "there is a button");
    await (button.attributes["click"] as () => Promise<void>)();
    equal(done[0], 'write /etc/sluice/config.toml "[server]\\nport = 1\\n"');
    equal(done[1], "exec /usr/bin/sluice validate --config /etc/sluice/config.toml");
    ok(
      done.some((line) => line.startsWith(`${kind}: Saved`)),
      done.join("\n"),
    );
  }
});

test("the page may do what it does, and its menu entry needs that permission", () => {
  deepEqual(acl.read.file["/usr/bin/sluice validate --config /etc/sluice/config.toml"], ["exec"]);
  deepEqual(acl.read.file["/etc/sluice/env/SLUICE_ADMIN_TOKEN"], ["read"]);
  deepEqual(acl.write.file["/etc/sluice/config.toml"], ["write"]);
  deepEqual(acl.read.ubus, { service: ["list"] });
  const [entry] = Object.values(menu) as { action: { path: string }; depends: { acl: string[] } }[];
  equal(entry?.action.path, "sluice/overview");
  deepEqual(entry?.depends.acl, ["luci-app-sluice"]);
});
