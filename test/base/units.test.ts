// Durations and sizes: what people write, and what is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDuration, formatSize, parseDuration, parseSize } from "../../src/base/units.ts";

test("durations are read with their unit", () => {
  const cases: readonly (readonly [string, number])[] = [
    ["0s", 0],
    ["250ms", 250],
    ["30s", 30_000],
    ["1.5s", 1500],
    ["5m", 300_000],
    ["2h", 7_200_000],
    ["1d", 86_400_000],
    ["10 s", 10_000],
  ];
  for (const [text, ms] of cases) assert.equal(parseDuration(text), ms, text);
});

test("durations without a unit, negative, compound or with a strange unit are refused", () => {
  for (const text of [
    "",
    "5",
    "-5s",
    "5 minutes",
    "1m30s",
    "s",
    "1e3s",
    "5S",
    "0x5s",
    " 5s",
    "5s ",
    "NaNs",
    "1.s",
  ])
    assert.equal(parseDuration(text), null, JSON.stringify(text));
});

test("a unit that is a name of Object.prototype is refused", () => {
  assert.equal(parseDuration("5toString"), null);
  assert.equal(parseSize("1constructor"), null);
});

test("sizes are read in binary and decimal units", () => {
  const cases: readonly (readonly [string, number])[] = [
    ["512B", 512],
    ["64KiB", 65_536],
    ["1kB", 1000],
    ["1KB", 1000],
    ["32MiB", 33_554_432],
    ["1MB", 1_000_000],
    ["0.5MiB", 524_288],
    ["2GiB", 2 ** 31],
    ["1GB", 1e9],
  ];
  for (const [text, bytes] of cases) assert.equal(parseSize(text), bytes, text);
});

test("sizes without a unit, or beyond what a number holds, are refused", () => {
  for (const text of ["", "64", "64kib", "64K", "-1KiB", "999999999999999GiB", "KiB", "1 2KiB"])
    assert.equal(parseSize(text), null, JSON.stringify(text));
});

test("formatted durations and sizes are read back unchanged", () => {
  for (const ms of [0, 1, 999, 1000, 1500, 90_000, 60_000, 3_600_000, 86_400_000, 123_456_789])
    assert.equal(parseDuration(formatDuration(ms)), ms);
  for (const bytes of [0, 1, 1000, 1024, 65_536, 33_554_432, 2 ** 30, 123_456_789])
    assert.equal(parseSize(formatSize(bytes)), bytes);
  assert.equal(formatDuration(90_000), "90s");
  assert.equal(formatSize(65_536), "64KiB");
});
