/** The budget for request bodies: what it grants, refuses and gets back, and how large it is on a machine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryBudget, deriveBufferBytes } from "../../src/limits/memory.ts";

const MIB = 1024 * 1024;

test("permits add up, are refused when the budget is full, and come back", () => {
  const budget = createMemoryBudget(100);
  assert.equal(budget.admit(60, 0), null);
  assert.equal(budget.admit(40, 0), null);
  const full = budget.admit(1, 0);
  assert.equal(full?.status, 429);
  assert.equal(full?.code, "buffer_full");
  assert.equal(full?.retryAfterMs, 1000);
  assert.equal(budget.rejected, 1);
  budget.release(40);
  assert.equal(budget.admit(40, 0), null);
  budget.release(40);
  budget.release(60);
  assert.equal(budget.used, 0);
});

test("a body that could never fit is 413, also when it grew to that", () => {
  const budget = createMemoryBudget(100);
  assert.equal(budget.admit(101, 0)?.status, 413);
  assert.equal(budget.admit(60, 0), null);
  assert.equal(budget.admit(60, 60)?.status, 413);
  assert.equal(budget.used, 60);
});

test("a smaller cap after a reload holds for what comes", () => {
  const budget = createMemoryBudget(100);
  assert.equal(budget.admit(80, 0), null);
  budget.setCap(90);
  assert.equal(budget.admit(20, 0)?.code, "buffer_full");
  budget.release(80);
  assert.equal(budget.admit(90, 0), null);
});

const MACHINES: readonly { name: string; files: Record<string, string>; free?: number; expected: number }[] =
  [
    {
      name: "cgroup v2 limit",
      files: {
        "/proc/self/cgroup": "0::/system.slice/sluice.service\n",
        "/sys/fs/cgroup/system.slice/sluice.service/memory.max": `${256 * MIB}\n`,
      },
      expected: 96 * MIB,
    },
    {
      name: "cgroup v2 limit of a parent, the child says max",
      files: {
        "/proc/self/cgroup": "0::/services/sluice/main\n",
        "/sys/fs/cgroup/services/sluice/main/memory.max": "max\n",
        "/sys/fs/cgroup/services/memory.max": `${128 * MIB}\n`,
      },
      expected: 32 * MIB,
    },
    {
      name: "container on cgroup v1, path of the host",
      files: {
        "/proc/self/cgroup": "5:cpu,cpuacct:/docker/ab\n4:memory:/docker/ab\n",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes": `${192 * MIB}\n`,
      },
      expected: 64 * MIB,
    },
    {
      name: "cgroup v1 without a limit: half of what is available",
      files: {
        "/proc/self/cgroup": "4:memory:/\n",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "/proc/meminfo": `MemTotal: 1 kB\nMemAvailable:   ${400 * 1024} kB\n`,
      },
      expected: 68 * MIB,
    },
    {
      name: "a small router: the floor",
      files: { "/proc/meminfo": "MemAvailable:   60000 kB\n" },
      expected: 8 * MIB,
    },
    {
      name: "a large machine: the ceiling",
      files: { "/proc/meminfo": `MemAvailable: ${64 * MIB} kB\n` },
      expected: 1024 * MIB,
    },
    { name: "no /proc at all", files: {}, free: 512 * MIB, expected: 96 * MIB },
    {
      name: "nonsense in the files",
      files: { "/proc/self/cgroup": "x\n0::\n::\n", "/proc/meminfo": "MemAvailable: many kB\n" },
      free: 0,
      expected: 8 * MIB,
    },
  ];

for (const { name, files, free, expected } of MACHINES) {
  test(`max_buffered_bytes = "auto": ${name}`, () => {
    const readFile = (path: string): string => {
      const text = files[path];
      if (text === undefined) throw new Error(`ENOENT ${path}`);
      return text;
    };
    assert.equal(deriveBufferBytes(readFile, free ?? 0), expected);
  });
}
