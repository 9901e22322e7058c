// The watch on the configuration file, on real files: what is noticed, what is not, and what stays after close.
import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { type ConfigWatch, watchConfig } from "../../src/config/watch.ts";

const config = (port: number) => `[server]\nport = ${port}\n[provider.demo]\ndemo = {}\n`;
const RUNNING = config(1);

interface Watched {
  readonly path: string;
  readonly watch: ConfigWatch;
  /** What was reported, in order. */
  readonly reports: string[];
  /** The next report; fails after five seconds. */
  next(): Promise<string>;
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "sluice-watch-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function start(t: TestContext, path: string): Watched {
  const reports: string[] = [];
  let taken = 0;
  let wake = () => {};
  const report = (text: string) => {
    reports.push(text);
    wake();
  };
  const watch = watchConfig(path, RUNNING, {
    onChange: report,
    onIgnored: (reason) => report(`ignored: ${reason}`),
  });
  t.after(() => watch.close());
  async function next(): Promise<string> {
    const deadline = setTimeout(() => wake(), 5000); // also keeps the process alive: the watch does not
    if (reports.length === taken)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    clearTimeout(deadline);
    const text = reports[taken++];
    assert.ok(text !== undefined, "nothing was reported within five seconds");
    return text;
  }
  return { path, watch, reports, next };
}

function startWith(t: TestContext): Watched {
  const path = join(folder(t), "config.toml");
  writeFileSync(path, RUNNING);
  return start(t, path);
}

test("a write in place is noticed within a second", async (t) => {
  const { path, next } = startWith(t);
  for (const port of [2, 3]) {
    const written = performance.now();
    writeFileSync(path, config(port));
    assert.equal(await next(), config(port));
    // A second by design; the rest is for a machine that does other things as well.
    assert.ok(performance.now() - written < 2000);
  }
});

test("a file renamed over it is noticed, again and again", async (t) => {
  const { path, next } = startWith(t);
  for (const port of [2, 3, 4]) {
    writeFileSync(`${path}.new`, config(port));
    renameSync(`${path}.new`, path);
    assert.equal(await next(), config(port));
  }
});

test("a swapped symlink is noticed, as Kubernetes mounts its files", async (t) => {
  const root = folder(t);
  for (const [version, port] of [
    ["v1", 1],
    ["v2", 2],
    ["v3", 3],
  ] as const) {
    mkdirSync(join(root, version));
    writeFileSync(join(root, version, "config.toml"), config(port));
  }
  symlinkSync("v1", join(root, "..data"));
  symlinkSync("..data/config.toml", join(root, "config.toml"));
  const { next } = start(t, join(root, "config.toml"));
  for (const [version, port] of [
    ["v2", 2],
    ["v3", 3],
  ] as const) {
    symlinkSync(version, join(root, "..tmp"));
    renameSync(join(root, "..tmp"), join(root, "..data"));
    assert.equal(await next(), config(port));
  }
});

test("a write to the file behind a symlink is noticed", async (t) => {
  const root = folder(t);
  mkdirSync(join(root, "real"));
  writeFileSync(join(root, "real", "config.toml"), RUNNING);
  symlinkSync("real/config.toml", join(root, "config.toml"));
  const { next } = start(t, join(root, "config.toml"));
  writeFileSync(join(root, "real", "config.toml"), config(2));
  assert.equal(await next(), config(2));
});

test("deleting the file changes nothing; its restoration is noticed when it is another", async (t) => {
  const { path, next, reports } = startWith(t);
  rmSync(path);
  writeFileSync(`${path}.marker`, "an event in the directory while the file is gone");
  writeFileSync(path, config(2));
  assert.equal(await next(), config(2));
  rmSync(path);
  writeFileSync(path, config(3));
  assert.equal(await next(), config(3));
  assert.equal(reports.length, 2);
});

test("a file that comes back with the text that runs is no change", async (t) => {
  const { path, next, reports } = startWith(t);
  rmSync(path);
  writeFileSync(path, RUNNING);
  writeFileSync(path, RUNNING);
  writeFileSync(path, config(2));
  assert.equal(await next(), config(2));
  assert.deepEqual(reports, [config(2)]);
});

test("the whole directory may go and come back", async (t) => {
  const root = folder(t);
  const path = join(root, "etc", "config.toml");
  mkdirSync(dirname(path));
  writeFileSync(path, RUNNING);
  const { next } = start(t, path);
  for (const port of [2, 3]) {
    rmSync(dirname(path), { recursive: true });
    mkdirSync(dirname(path));
    writeFileSync(path, config(port));
    assert.equal(await next(), config(port));
  }
});

test("a file that does not exist yet is noticed when it comes", async (t) => {
  const path = join(folder(t), "later", "config.toml");
  const { next } = start(t, path);
  mkdirSync(dirname(path));
  writeFileSync(path, config(2));
  assert.equal(await next(), config(2));
});

test("a file that is still being written is not taken before it rests", async (t) => {
  const { path, next, reports } = startWith(t);
  let text = config(2);
  writeFileSync(path, text);
  await new Promise<void>((resolve) => {
    let line = 0;
    const writer = setInterval(() => {
      text += `# line ${line++}\n`;
      writeFileSync(path, text);
      if (line < 20) return;
      clearInterval(writer);
      resolve();
    }, 40);
  });
  assert.equal(await next(), text);
  assert.deepEqual(reports, [text]);
});

test("an empty file and one without providers never replace what runs", async (t) => {
  const { path, next } = startWith(t);
  writeFileSync(path, "");
  assert.equal(await next(), "ignored: it is empty");
  writeFileSync(path, " \n\n");
  assert.equal(await next(), "ignored: it is empty");
  writeFileSync(path, "[server]\nport = 2\n");
  assert.equal(await next(), "ignored: it has no provider");
  writeFileSync(path, "[provider]\n");
  assert.equal(await next(), "ignored: it has no provider");
  writeFileSync(path, config(2));
  assert.equal(await next(), config(2));
});

test("a text that is not TOML is reported once, so that loading tells what is wrong", async (t) => {
  const { path, next, reports } = startWith(t);
  writeFileSync(path, "[server");
  assert.equal(await next(), "[server");
  writeFileSync(path, config(2));
  assert.equal(await next(), config(2));
  assert.equal(reports.length, 2);
});

test("a file of more than four megabytes is not read", async (t) => {
  const { path, next } = startWith(t);
  writeFileSync(path, "#".repeat(4 * 1024 * 1024 + 1));
  assert.match(await next(), /^ignored: .*too large/);
});

test("a text that was reloaded another way is not reported again", async (t) => {
  const { path, watch, next, reports } = startWith(t);
  watch.setCurrent(config(2));
  writeFileSync(path, config(2));
  writeFileSync(`${path}.marker`, "");
  writeFileSync(path, config(3));
  assert.equal(await next(), config(3));
  assert.deepEqual(reports, [config(3)]);
});

/** Directories this process has asked Linux to watch. */
function inotifyWatches(): number {
  return readdirSync("/proc/self/fd").reduce((count, fd) => {
    try {
      return count + readFileSync(`/proc/self/fdinfo/${fd}`, "utf8").split("inotify wd:").length - 1;
    } catch {
      return count; // the descriptor of this very listing is gone already
    }
  }, 0);
}

test("close ends it at once, mid-check too, and leaves no watcher behind", {
  skip: process.platform !== "linux",
}, async (t) => {
  const { path, watch, next, reports } = startWith(t);
  writeFileSync(path, config(2));
  await next();
  assert.equal(inotifyWatches(), 1);
  writeFileSync(path, config(3));
  watch.close();
  watch.close();
  assert.equal(inotifyWatches(), 0);
  // Another watch on the same file sees the next change; by then the closed one would have seen it too.
  const other = start(t, path);
  assert.equal(await other.next(), config(3));
  writeFileSync(path, config(4));
  assert.equal(await other.next(), config(4));
  assert.deepEqual(reports, [config(2)]);
});
